// Package oracle runs the HPA controller of a Kubernetes release in virtual time. It plays scripted
// scenarios (one JSON object a line) and writes what the controller decided at each of its syncs.
package oracle

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/informers"
	autoscalerinformers "k8s.io/client-go/informers/autoscaling/v2"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes/fake"
	autoscalerlisters "k8s.io/client-go/listers/autoscaling/v2"
	corelisters "k8s.io/client-go/listers/core/v1"
	scalefake "k8s.io/client-go/scale/fake"
	core "k8s.io/client-go/testing"
	autoscalingdefaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	podautoscaler "k8s.io/kubernetes/pkg/controller/podautoscaler"
	metricsclient "k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
)

const (
	period            = 15 * time.Second
	downscaleWindow   = 5 * time.Minute
	tolerance         = 0.1
	cpuInitialization = 5 * time.Minute
	initialReadiness  = 30 * time.Second
)

// metricSpec is one metric of an HPA. The target is in thousandths, or in percent for Utilization.
type metricSpec struct {
	Source string `json:"source"` // Pods, External, Resource
	Kind   string `json:"kind"`   // AverageValue, Value, Utilization
	Target int64  `json:"target"`
}

// podState has times in nanoseconds before the sync; nil where the pod's status lacks the field.
type podState struct {
	Name       string `json:"name"`
	Phase      string `json:"phase"`
	Deleted    bool   `json:"deleted"`
	Ready      *bool  `json:"ready"`
	Started    *int64 `json:"started"`
	Transition int64  `json:"transition"`
}

// reading is what a metric's API answers; all of it nil is an error.
type reading struct {
	Pods   map[string]int64 `json:"pods"`
	Series []int64          `json:"series"`
	Age    int64            `json:"age"`
	Window int64            `json:"window"`
}

type step struct {
	Spec     *int32     `json:"spec"` // set from outside before the sync
	Min      *int32     `json:"min"`  // from this sync on
	Status   int32      `json:"status"`
	Pods     []podState `json:"pods"`
	Readings []*reading `json:"readings"`
}

type scenario struct {
	Name     string                                         `json:"name"`
	Min      int32                                          `json:"min"`
	Max      int32                                          `json:"max"`
	Start    int32                                          `json:"start"`
	Request  int64                                          `json:"request"` // CPU of a pod, milli
	Behavior *autoscalingv2.HorizontalPodAutoscalerBehavior `json:"behavior"`
	Metrics  []metricSpec                                   `json:"metrics"`
	Steps    []step                                         `json:"steps"`
}

// decision is what one sync ended with; Count is nil where the scale was left alone.
type decision struct {
	Time    int64  `json:"time"` // nanoseconds since the controller began
	Count   *int32 `json:"count"`
	Able    string `json:"able"`
	Active  string `json:"active"`
	Limited string `json:"limited"`
}

type recording struct {
	Name      string     `json:"name"`
	Decisions []decision `json:"decisions"`
}

// world answers what the controller asks, from the step at hand.
type world struct {
	script    *scenario
	began     time.Time
	spec      int32
	min       int32
	at        int
	asked     int
	decisions []decision
}

func (w *world) step() *step { return &w.script.Steps[w.at] }

// begin moves to the next step: every sync reads the scale first.
func (w *world) begin() *autoscalingv1.Scale {
	if w.at+1 < len(w.script.Steps) {
		w.at++
		w.decisions = append(w.decisions, decision{Time: time.Since(w.began).Nanoseconds()})
	}
	w.asked = -1
	if given := w.step().Spec; given != nil {
		w.spec = *given
	}
	return &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: "d", Namespace: "ns"},
		Spec:       autoscalingv1.ScaleSpec{Replicas: w.spec},
		Status:     autoscalingv1.ScaleStatus{Replicas: w.step().Status, Selector: "a=b"},
	}
}

// next is the reading of the metric that is asked for: they are asked for in the order of the spec.
func (w *world) next() (*reading, error) {
	w.asked++
	if found := w.step().Readings[w.asked]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("no metrics returned")
}

func (w *world) podValues() (metricsclient.PodMetricsInfo, time.Time, error) {
	found, err := w.next()
	if err != nil {
		return nil, time.Time{}, err
	}
	taken := time.Now().Add(-time.Duration(found.Age))
	values := metricsclient.PodMetricsInfo{}
	for name, value := range found.Pods {
		values[name] = metricsclient.PodMetric{Timestamp: taken, Window: time.Duration(found.Window), Value: value}
	}
	return values, taken, nil
}

func (w *world) GetResourceMetric(context.Context, v1.ResourceName, string, labels.Selector, string) (metricsclient.PodMetricsInfo, time.Time, error) {
	return w.podValues()
}

func (w *world) GetRawMetric(string, string, labels.Selector, labels.Selector) (metricsclient.PodMetricsInfo, time.Time, error) {
	return w.podValues()
}

func (w *world) GetExternalMetric(string, string, labels.Selector) ([]int64, time.Time, error) {
	found, err := w.next()
	if err != nil {
		return nil, time.Time{}, err
	}
	return found.Series, time.Now(), nil
}

func (w *world) GetObjectMetric(string, string, *autoscalingv2.CrossVersionObjectReference, labels.Selector) (int64, time.Time, error) {
	return 0, time.Time{}, fmt.Errorf("no scenario has an Object metric")
}

type podInformer struct {
	coreinformers.PodInformer
	w *world
}
type podLister struct {
	corelisters.PodLister
	w *world
}
type podNamespaceLister struct {
	corelisters.PodNamespaceLister
	w *world
}

func (p podInformer) Lister() corelisters.PodLister            { return podLister{w: p.w} }
func (p podLister) Pods(string) corelisters.PodNamespaceLister { return podNamespaceLister{w: p.w} }
func (p podNamespaceLister) List(labels.Selector) ([]*v1.Pod, error) {
	var pods []*v1.Pod
	for _, state := range p.w.step().Pods {
		pods = append(pods, podOf(state, p.w.script.Request))
	}
	return pods, nil
}

// autoscalerInformer hands out the autoscaler with the minimum of the step that begins: a sync gets it
// before it reads the scale.
type autoscalerInformer struct {
	autoscalerinformers.HorizontalPodAutoscalerInformer
	w *world
}
type autoscalerLister struct {
	autoscalerlisters.HorizontalPodAutoscalerLister
	w *world
}
type autoscalerNamespaceLister struct {
	autoscalerlisters.HorizontalPodAutoscalerNamespaceLister
	w *world
}

func (a autoscalerInformer) Lister() autoscalerlisters.HorizontalPodAutoscalerLister {
	return autoscalerLister{a.HorizontalPodAutoscalerInformer.Lister(), a.w}
}
func (a autoscalerLister) HorizontalPodAutoscalers(namespace string) autoscalerlisters.HorizontalPodAutoscalerNamespaceLister {
	return autoscalerNamespaceLister{a.HorizontalPodAutoscalerLister.HorizontalPodAutoscalers(namespace), a.w}
}
func (a autoscalerNamespaceLister) Get(name string) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	found, err := a.HorizontalPodAutoscalerNamespaceLister.Get(name)
	if err != nil {
		return nil, err
	}
	if next := a.w.at + 1; next < len(a.w.script.Steps) && a.w.script.Steps[next].Min != nil {
		a.w.min = *a.w.script.Steps[next].Min
	}
	least := a.w.min
	found = found.DeepCopy()
	found.Spec.MinReplicas = &least
	return found, nil
}

func podOf(state podState, request int64) *v1.Pod {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: state.Name, Namespace: "ns", Labels: map[string]string{"a": "b"}}}
	pod.Status.Phase = v1.PodPhase(state.Phase)
	pod.Spec.Containers = []v1.Container{{Name: "server", Resources: v1.ResourceRequirements{
		Requests: v1.ResourceList{v1.ResourceCPU: *resource.NewMilliQuantity(request, resource.DecimalSI)}}}}
	if state.Ready != nil {
		status := v1.ConditionFalse
		if *state.Ready {
			status = v1.ConditionTrue
		}
		changed := metav1.NewTime(time.Now().Add(-time.Duration(state.Transition)))
		pod.Status.Conditions = []v1.PodCondition{{Type: v1.PodReady, Status: status, LastTransitionTime: changed}}
	}
	if state.Started != nil {
		started := metav1.NewTime(time.Now().Add(-time.Duration(*state.Started)))
		pod.Status.StartTime = &started
	}
	if state.Deleted {
		now := metav1.Now()
		pod.DeletionTimestamp = &now
	}
	return pod
}

func autoscalerOf(s *scenario) *autoscalingv2.HorizontalPodAutoscaler {
	hpa := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "h", Namespace: "ns", UID: "u"}}
	hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "d"}
	hpa.Spec.MinReplicas = &s.Min
	hpa.Spec.MaxReplicas = s.Max
	hpa.Spec.Behavior = s.Behavior.DeepCopy()
	for index, metric := range s.Metrics {
		hpa.Spec.Metrics = append(hpa.Spec.Metrics, specOf(metric, fmt.Sprintf("m%d", index)))
	}
	autoscalingdefaults.SetDefaults_HorizontalPodAutoscaler(hpa)
	return hpa
}

func specOf(metric metricSpec, name string) autoscalingv2.MetricSpec {
	target := autoscalingv2.MetricTarget{Type: autoscalingv2.MetricTargetType(metric.Kind)}
	quantity := resource.NewMilliQuantity(metric.Target, resource.DecimalSI)
	switch metric.Kind {
	case "Utilization":
		percent := int32(metric.Target)
		target.AverageUtilization = &percent
	case "Value":
		target.Value = quantity
	default:
		target.AverageValue = quantity
	}
	identifier := autoscalingv2.MetricIdentifier{Name: name}
	spec := autoscalingv2.MetricSpec{Type: autoscalingv2.MetricSourceType(metric.Source)}
	switch metric.Source {
	case "Pods":
		spec.Pods = &autoscalingv2.PodsMetricSource{Metric: identifier, Target: target}
	case "External":
		spec.External = &autoscalingv2.ExternalMetricSource{Metric: identifier, Target: target}
	default:
		spec.Resource = &autoscalingv2.ResourceMetricSource{Name: v1.ResourceCPU, Target: target}
	}
	return spec
}

// play runs one scenario to its last step.
func play(t *testing.T, s *scenario) recording {
	w := &world{script: s, spec: s.Start, min: s.Min, at: -1}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		w.began = time.Now()
		client := fake.NewClientset(autoscalerOf(s))
		client.PrependReactor("update", "horizontalpodautoscalers", func(action core.Action) (bool, runtime.Object, error) {
			updated := action.(core.UpdateAction).GetObject().(*autoscalingv2.HorizontalPodAutoscaler)
			w.note(updated.Status.Conditions)
			updated.Spec.MinReplicas = &s.Min // a status alone is written: the spec stays
			return false, nil, nil
		})
		scaleClient := &scalefake.FakeScaleClient{}
		scaleClient.AddReactor("get", "deployments", func(core.Action) (bool, runtime.Object, error) {
			return true, w.begin(), nil
		})
		scaleClient.AddReactor("update", "deployments", func(action core.Action) (bool, runtime.Object, error) {
			scale := action.(core.UpdateAction).GetObject().(*autoscalingv1.Scale)
			count := scale.Spec.Replicas
			w.spec = count
			w.decisions[len(w.decisions)-1].Count = &count
			return true, scale, nil
		})
		factory := informers.NewSharedInformerFactory(client, 0)
		mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{{Group: "apps", Version: "v1"}})
		mapper.Add(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, meta.RESTScopeNamespace)
		controller := podautoscaler.NewHorizontalController(ctx, fake.NewClientset().CoreV1(), scaleClient,
			client.AutoscalingV2(), mapper, w, autoscalerInformer{factory.Autoscaling().V2().HorizontalPodAutoscalers(), w},
			podInformer{factory.Core().V1().Pods(), w}, period, downscaleWindow, tolerance, cpuInitialization, initialReadiness)
		factory.Core().V1().Pods().Informer()
		factory.Start(ctx.Done())
		go controller.Run(ctx, 1)
		for w.at+1 < len(s.Steps) {
			time.Sleep(time.Second)
		}
		time.Sleep(time.Second)
		cancel()
		factory.Shutdown()
		synctest.Wait()
		time.Sleep(2 * time.Minute)
	})
	return recording{Name: s.Name, Decisions: w.decisions}
}

// note keeps the reasons of the conditions; a sync writes the status only where it changed.
func (w *world) note(conditions []autoscalingv2.HorizontalPodAutoscalerCondition) {
	last := &w.decisions[len(w.decisions)-1]
	for _, condition := range conditions {
		switch condition.Type {
		case autoscalingv2.AbleToScale:
			last.Able = condition.Reason
		case autoscalingv2.ScalingActive:
			last.Active = condition.Reason
		case autoscalingv2.ScalingLimited:
			last.Limited = condition.Reason
		}
	}
}

func TestOracle(t *testing.T) {
	utilruntime.ErrorHandlers = nil // readings that fail are part of the scenarios
	scenarios, err := os.Open(os.Getenv("ORACLE_SCENARIOS"))
	if err != nil {
		t.Skip("run by make hpa-oracle: " + err.Error())
	}
	defer scenarios.Close()
	out, err := os.Create(os.Getenv("ORACLE_RECORDINGS"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	lines := bufio.NewScanner(scenarios)
	lines.Buffer(nil, 64<<20)
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		s := &scenario{}
		if err := json.Unmarshal(lines.Bytes(), s); err != nil {
			t.Fatal(strconv.Quote(lines.Text()[:80]), err)
		}
		if err := encoder.Encode(play(t, s)); err != nil {
			t.Fatal(err)
		}
	}
}
