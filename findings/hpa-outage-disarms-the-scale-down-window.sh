#!/usr/bin/env bash
# One guesses: with stabilizationWindowSeconds a single low reading never takes replicas away; least of all the first
# one after the metrics API was away, when nobody knows yet what is true.
# What happens: the window holds what was recommended in it, and while the metric fails nothing is recommended. After an
# outage as long as the window it is empty, so the first answer acts at once, in one step.
# Versions: Kubernetes 1.37.2's HPA controller over an API server in memory; window 10 s in place of 300 s.
# Costs who does not know: a metrics server that restarts and answers low before it has looked takes the consumers away
# in the middle of the backlog. Let it answer with an error until it knows.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Kubernetes 1.37.2, HPA with one external metric and a scale-down window of 10 s'
expected 'from 6 replicas a low reading acts 10 s later at the earliest, after an outage of the metrics API too'

hpa_lab <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	autoscaling "k8s.io/api/autoscaling/v2"
)

func run(lab *Lab) {
	lab.Scale(6)
	lab.Metric(6)
	lab.Create(1, 10)
	time.Sleep(5 * time.Second)
	lab.Metric(2)
	plain, _ := lab.Until(2, time.Minute)

	lab.Metric(6)
	lab.Until(6, time.Minute)
	time.Sleep(5 * time.Second)
	lab.Metric(-1)
	time.Sleep(20 * time.Second)
	held, condition := lab.Replicas(), lab.Condition(autoscaling.ScalingActive)
	lab.Metric(2)
	after, _ := lab.Until(2, time.Minute)
	fmt.Printf("seen:     6 -> 2 after %.0f s; after an outage of 20 s (held at %d, %s) within %.1f s\n",
		plain.Seconds(), held, condition, after.Seconds())
	if held != 6 || plain < 8*time.Second || after > 4*time.Second {
		os.Exit(1)
	}
}
GO
