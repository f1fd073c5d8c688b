#!/usr/bin/env bash
# One guesses: with minReplicas: 0 (on by default since 1.37) a workload at 0 replicas grows when its metric does.
# What happens: the HPA wakes only what its own status says that it put to sleep (condition ScaledToZero). An HPA that
# is deleted and made again while the workload is at 0, or a workload that is deployed with 0 replicas, stays at 0 for
# good, ScalingDisabled, whatever the metric says.
# Versions: Kubernetes 1.37.2's HPA controller over an API server in memory.
# Costs who does not know: a chart installed again at night, or a restore of objects without their status, and no
# consumer starts in the morning. One replica by hand, or minReplicas: 1 for a moment, starts it.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Kubernetes 1.37.2, HPA with minReplicas 0 and one external metric'
expected 'at 0 replicas a metric of 5 brings 5 replicas, and so it does after the same HPA was made anew'

hpa_lab <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

func run(lab *Lab) {
	lab.Scale(2)
	lab.Metric(2)
	lab.Create(0, 0)
	time.Sleep(5 * time.Second)
	lab.Metric(0)
	_, slept := lab.Until(0, time.Minute)
	memory := lab.Condition(autoscaling.ScaledToZero)
	lab.Metric(5)
	_, woken := lab.Until(5, time.Minute)

	lab.Metric(0)
	_, sleptAgain := lab.Until(0, time.Minute)
	lab.Delete()
	lab.Create(0, 0)
	lab.Metric(5)
	_, wokenAnew := lab.Until(5, 20*time.Second)
	condition := lab.Condition(autoscaling.ScalingActive)
	fmt.Printf("seen:     put to sleep (%s) and woken: %t; made anew at 0: %d replicas after 20 s, %s\n",
		memory, slept && woken, lab.Replicas(), condition)
	if !slept || !woken || !sleptAgain || wokenAnew || lab.Replicas() != 0 {
		os.Exit(1)
	}
}
GO
