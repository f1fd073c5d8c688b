// What KEDA's two Kafka scalers say of a group's lag: prints one line a scaler, "NAME: value V, active A" or the error.
// Arguments: bootstrap servers, topic, group.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/kedacore/keda/v2/pkg/scalers"
	"github.com/kedacore/keda/v2/pkg/scalers/scalersconfig"
	autoscaling "k8s.io/api/autoscaling/v2"
	"k8s.io/metrics/pkg/apis/external_metrics"
)

type scaler interface {
	GetMetricsAndActivity(context.Context, string) ([]external_metrics.ExternalMetricValue, bool, error)
}

func config() *scalersconfig.ScalerConfig {
	return &scalersconfig.ScalerConfig{
		TriggerMetadata: map[string]string{
			"bootstrapServers": os.Args[1], "topic": os.Args[2], "consumerGroup": os.Args[3],
			"lagThreshold": "10", "offsetResetPolicy": "earliest",
		},
		AuthParams: map[string]string{}, ResolvedEnv: map[string]string{},
		GlobalHTTPTimeout: 30 * time.Second, MetricType: autoscaling.AverageValueMetricType,
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	report := func(name string, one scaler, err error) {
		if err == nil {
			var values []external_metrics.ExternalMetricValue
			var active bool
			if values, active, err = one.GetMetricsAndActivity(ctx, "lag"); err == nil {
				fmt.Printf("%s: value %d, active %t\n", name, values[0].Value.Value(), active)
				return
			}
		}
		fmt.Printf("%s: error %v\n", name, err)
	}
	sarama, err := scalers.NewKafkaScaler(ctx, config())
	report("kafka", sarama, err)
	segment, err := scalers.NewApacheKafkaScaler(ctx, config())
	report("apache-kafka", segment, err)
}
