// Argo CD's own comparison of rendered objects with live ones.
//
// Reads a JSON list of pairs, {"target": rendered, "live": from the API server}, and writes a JSON list of those that Argo CD
// shows as OutOfSync, each with the object as it is and as it would be.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/argoproj/gitops-engine/pkg/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type pair struct {
	Target *unstructured.Unstructured `json:"target"`
	Live   *unstructured.Unstructured `json:"live"`
}

type difference struct {
	Object string          `json:"object"`
	Is     json.RawMessage `json:"is"`
	Wanted json.RawMessage `json:"wanted"`
}

func main() {
	found, err := differences()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func differences() ([]difference, error) {
	var pairs []pair
	if err := json.NewDecoder(os.Stdin).Decode(&pairs); err != nil {
		return nil, err
	}
	found := []difference{}
	for _, each := range pairs {
		name := fmt.Sprintf("%s/%s", each.Target.GetKind(), each.Target.GetName())
		result, err := diff.Diff(each.Target, each.Live)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if result.Modified {
			found = append(found, difference{name, result.NormalizedLive, result.PredictedLive})
		}
	}
	return found, nil
}
