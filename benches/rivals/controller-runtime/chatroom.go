package main

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "ivschat-operator.io", Version: "v1alpha1"}

// ChatRoom holds the members of the CRD that this operator reads or writes. It writes by patches, which leave the others alone.
type ChatRoom struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ChatRoomSpec   `json:"spec"`
	Status ChatRoomStatus `json:"status,omitempty"`
}

type ChatRoomSpec struct {
	Name                            string                `json:"name,omitempty"`
	MaximumMessageLength            *int32                `json:"maximumMessageLength,omitempty"`
	MaximumMessageRatePerSecond     *int32                `json:"maximumMessageRatePerSecond,omitempty"`
	MessageReviewHandler            *MessageReviewHandler `json:"messageReviewHandler,omitempty"`
	LoggingConfigurationIdentifiers []string              `json:"loggingConfigurationIdentifiers,omitempty"`
	Tags                            map[string]string     `json:"tags,omitempty"`
}

type MessageReviewHandler struct {
	URI            string `json:"uri"`
	FallbackResult string `json:"fallbackResult,omitempty"`
}

type ChatRoomStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	ARN                string             `json:"arn,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type ChatRoomList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ChatRoom `json:"items"`
}

func addToScheme(scheme *runtime.Scheme) {
	scheme.AddKnownTypes(groupVersion, &ChatRoom{}, &ChatRoomList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
}

func (in *ChatRoom) DeepCopyInto(out *ChatRoom) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	in.Spec.DeepCopyInto(&out.Spec)
	in.Status.DeepCopyInto(&out.Status)
}

func (in *ChatRoom) DeepCopy() *ChatRoom {
	out := new(ChatRoom)
	in.DeepCopyInto(out)
	return out
}

func (in *ChatRoom) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *ChatRoomSpec) DeepCopyInto(out *ChatRoomSpec) {
	*out = *in
	out.MaximumMessageLength = copied(in.MaximumMessageLength)
	out.MaximumMessageRatePerSecond = copied(in.MaximumMessageRatePerSecond)
	out.MessageReviewHandler = copied(in.MessageReviewHandler)
	out.LoggingConfigurationIdentifiers = slices.Clone(in.LoggingConfigurationIdentifiers)
	out.Tags = maps.Clone(in.Tags)
}

func (in *ChatRoomStatus) DeepCopyInto(out *ChatRoomStatus) {
	*out = *in
	// A condition holds no pointers but that of its time zone, which nobody writes to.
	out.Conditions = slices.Clone(in.Conditions)
}

func (in *ChatRoomList) DeepCopyObject() runtime.Object {
	out := new(ChatRoomList)
	*out = *in
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	if in.Items != nil {
		out.Items = make([]ChatRoom, len(in.Items))
		for i := range in.Items {
			in.Items[i].DeepCopyInto(&out.Items[i])
		}
	}
	return out
}

func copied[T any](in *T) *T {
	if in == nil {
		return nil
	}
	out := *in
	return &out
}
