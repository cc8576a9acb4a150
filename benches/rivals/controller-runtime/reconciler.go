package main

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

const (
	finalizer = "rivals.ivschat-operator.io/controller-runtime"
	resync    = 5 * time.Minute
)

type reconciler struct {
	client.Client
	ivschat *ivschat.Client
}

// Reconcile brings the room of one ChatRoom to its spec.
func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var object ChatRoom
	if err := r.Get(ctx, req.NamespacedName, &object); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !object.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.finalize(ctx, &object)
	}

	before := object.DeepCopy()
	if controllerutil.AddFinalizer(&object, finalizer) {
		if err := r.Patch(ctx, &object, onlyIfUnchanged(before)); err != nil {
			return ctrl.Result{}, err
		}
	}

	arn, err := r.applyRoom(ctx, &object)
	if err != nil {
		return ctrl.Result{}, err
	}
	if err := r.writeStatus(ctx, &object, arn); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: resync}, nil
}

func (r *reconciler) finalize(ctx context.Context, object *ChatRoom) error {
	if !controllerutil.ContainsFinalizer(object, finalizer) {
		return nil
	}
	if object.Status.ARN != "" {
		if err := r.deleteRoom(ctx, object.Status.ARN); err != nil {
			return err
		}
	}
	before := object.DeepCopy()
	controllerutil.RemoveFinalizer(object, finalizer)
	return client.IgnoreNotFound(r.Patch(ctx, object, onlyIfUnchanged(before)))
}

func (r *reconciler) writeStatus(ctx context.Context, object *ChatRoom, arn string) error {
	before := object.DeepCopy()
	object.Status.ARN = arn
	object.Status.ObservedGeneration = object.Generation
	meta.SetStatusCondition(&object.Status.Conditions, metav1.Condition{
		Type:               "Ready",
		Status:             metav1.ConditionTrue,
		Reason:             "Available",
		Message:            "the room is as specified",
		ObservedGeneration: object.Generation,
	})
	if equality.Semantic.DeepEqual(before.Status, object.Status) {
		return nil
	}
	// Without a lock: a conflict would lose the ARN of a room that is new.
	return r.Status().Patch(ctx, object, client.MergeFrom(before))
}

// onlyIfUnchanged is for finalizers: a merge patch replaces the whole list.
func onlyIfUnchanged(before *ChatRoom) client.Patch {
	return client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
}
