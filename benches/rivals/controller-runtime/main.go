// A textbook operator for ChatRooms on controller-runtime: one GetRoom per object and reconciliation.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

func main() {
	ctrl.SetLogger(zap.New())
	if err := run(ctrl.SetupSignalHandler()); err != nil {
		ctrl.Log.Error(err, "the operator failed")
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	aws, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	kubernetes, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	addToScheme(scheme)
	manager, err := ctrl.NewManager(kubernetes, ctrl.Options{
		Scheme:  scheme,
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		return err
	}
	priorities := true
	err = ctrl.NewControllerManagedBy(manager).
		For(&ChatRoom{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: 10, UsePriorityQueue: &priorities}).
		Complete(&reconciler{Client: manager.GetClient(), ivschat: ivschat.NewFromConfig(aws)})
	if err != nil {
		return err
	}
	return manager.Start(ctx)
}
