// Kubernetes' own HPA controller over an API server in memory. A script adds func run(*Lab), and `hpa_lab` builds both.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	scaling "k8s.io/api/autoscaling/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	fakescale "k8s.io/client-go/scale/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

const resync = 500 * time.Millisecond

// Lab is a Deployment's scale, an external metric (below zero: the metrics API fails) and an HPA over them.
type Lab struct {
	mutex    sync.Mutex
	replicas int32
	metric   int64
	client   *fake.Clientset
}

func (l *Lab) Replicas() int32    { l.mutex.Lock(); defer l.mutex.Unlock(); return l.replicas }
func (l *Lab) Scale(to int32)     { l.mutex.Lock(); defer l.mutex.Unlock(); l.replicas = to }
func (l *Lab) Metric(value int64) { l.mutex.Lock(); defer l.mutex.Unlock(); l.metric = value }

// Until waits for that many replicas and tells how long it took; false when it did not come within the limit.
func (l *Lab) Until(want int32, limit time.Duration) (time.Duration, bool) {
	for begin := time.Now(); time.Since(begin) < limit; time.Sleep(20 * time.Millisecond) {
		if l.Replicas() == want {
			return time.Since(begin), true
		}
	}
	return limit, false
}

// Create makes the HPA: one replica for each unit of the metric, this scale-down window in seconds.
func (l *Lab) Create(minimum, window int32) {
	max := autoscaling.MaxChangePolicySelect
	rules := func(window int32) *autoscaling.HPAScalingRules {
		return &autoscaling.HPAScalingRules{StabilizationWindowSeconds: &window, SelectPolicy: &max,
			Policies: []autoscaling.HPAScalingPolicy{{Type: autoscaling.PodsScalingPolicy, Value: 100, PeriodSeconds: 1}}}
	}
	one := resource.MustParse("1")
	hpa := &autoscaling.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "consumers", Namespace: "shop"},
		Spec: autoscaling.HorizontalPodAutoscalerSpec{
			MinReplicas: &minimum, MaxReplicas: 20,
			ScaleTargetRef: autoscaling.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "consumers"},
			Behavior:       &autoscaling.HorizontalPodAutoscalerBehavior{ScaleUp: rules(0), ScaleDown: rules(window)},
			Metrics: []autoscaling.MetricSpec{{Type: autoscaling.ExternalMetricSourceType, External: &autoscaling.ExternalMetricSource{
				Metric: autoscaling.MetricIdentifier{Name: "lag"},
				Target: autoscaling.MetricTarget{Type: autoscaling.AverageValueMetricType, AverageValue: &one}}}},
		}}
	_, err := l.client.AutoscalingV2().HorizontalPodAutoscalers("shop").Create(context.Background(), hpa, metav1.CreateOptions{})
	fatal(err)
}

// Delete removes the HPA, and waits until the controller has seen it.
func (l *Lab) Delete() {
	fatal(l.client.AutoscalingV2().HorizontalPodAutoscalers("shop").Delete(context.Background(), "consumers", metav1.DeleteOptions{}))
	time.Sleep(2 * resync)
}

// Condition is the reason of a condition of the HPA, empty when it has none.
func (l *Lab) Condition(kind autoscaling.HorizontalPodAutoscalerConditionType) string {
	hpa, err := l.client.AutoscalingV2().HorizontalPodAutoscalers("shop").Get(context.Background(), "consumers", metav1.GetOptions{})
	fatal(err)
	for _, one := range hpa.Status.Conditions {
		if one.Type == kind {
			return fmt.Sprintf("%s=%s (%s)", one.Type, one.Status, one.Reason)
		}
	}
	return ""
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

type source struct{ *Lab }

func (source) GetResourceMetric(context.Context, core.ResourceName, string, labels.Selector, string) (metrics.PodMetricsInfo, time.Time, error) {
	return nil, time.Time{}, errors.New("not served")
}
func (source) GetRawMetric(string, string, labels.Selector, labels.Selector) (metrics.PodMetricsInfo, time.Time, error) {
	return nil, time.Time{}, errors.New("not served")
}
func (source) GetObjectMetric(string, string, *autoscaling.CrossVersionObjectReference, labels.Selector) (int64, time.Time, error) {
	return 0, time.Time{}, errors.New("not served")
}
func (s source) GetExternalMetric(string, string, labels.Selector) ([]int64, time.Time, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.metric < 0 {
		return nil, time.Time{}, errors.New("the metrics API is away")
	}
	return []int64{s.metric * 1000}, time.Now(), nil
}

func main() {
	lab := &Lab{client: fake.NewClientset()}
	scales := &fakescale.FakeScaleClient{}
	scales.AddReactor("*", "deployments", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if update, ok := action.(clienttesting.UpdateAction); ok {
			lab.Scale(update.GetObject().(*scaling.Scale).Spec.Replicas)
		}
		return true, &scaling.Scale{
			ObjectMeta: metav1.ObjectMeta{Name: "consumers", Namespace: "shop"},
			Spec:       scaling.ScaleSpec{Replicas: lab.Replicas()},
			Status:     scaling.ScaleStatus{Replicas: lab.Replicas(), Selector: "app=consumers"},
		}, nil
	})
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{{Group: "apps", Version: "v1"}})
	mapper.Add(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, meta.RESTScopeNamespace)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	factory := informers.NewSharedInformerFactory(lab.client, 0)
	controller := podautoscaler.NewHorizontalController(ctx, lab.client.CoreV1(), scales, lab.client.AutoscalingV2(), mapper,
		source{lab}, factory.Autoscaling().V2().HorizontalPodAutoscalers(), factory.Core().V1().Pods(),
		resync, 5*time.Minute, 0.1, 5*time.Minute, 30*time.Second)
	factory.Start(ctx.Done())
	go controller.Run(ctx, 1)
	run(lab)
}
