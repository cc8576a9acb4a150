package main

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ivschat"
	"github.com/aws/aws-sdk-go-v2/service/ivschat/types"
)

const (
	ownerTag             = "rival-owner"
	defaultMessageLength = 500
	defaultMessageRate   = 10
)

// room is what a room should be, with IVS Chat's defaults filled in.
type room struct {
	name          string
	messageLength int32
	messageRate   int32
	// handler has an empty URI where there is none: it detaches the function.
	handler MessageReviewHandler
	logging []string
	tags    map[string]string
}

func desiredRoom(object *ChatRoom) room {
	desired := room{
		name:          object.Spec.Name,
		messageLength: defaultMessageLength,
		messageRate:   defaultMessageRate,
		logging:       slices.Sorted(slices.Values(object.Spec.LoggingConfigurationIdentifiers)),
		tags:          map[string]string{},
	}
	if desired.name == "" {
		desired.name = object.Name
	}
	if object.Spec.MaximumMessageLength != nil {
		desired.messageLength = *object.Spec.MaximumMessageLength
	}
	if object.Spec.MaximumMessageRatePerSecond != nil {
		desired.messageRate = *object.Spec.MaximumMessageRatePerSecond
	}
	if handler := object.Spec.MessageReviewHandler; handler != nil {
		desired.handler = *handler
		if desired.handler.FallbackResult == "" {
			desired.handler.FallbackResult = string(types.FallbackResultAllow)
		}
	}
	maps.Copy(desired.tags, object.Spec.Tags)
	desired.tags[ownerTag] = object.Namespace + "/" + object.Name
	return desired
}

func (r room) sdkHandler() *types.MessageReviewHandler {
	return &types.MessageReviewHandler{
		Uri:            aws.String(r.handler.URI),
		FallbackResult: types.FallbackResult(r.handler.FallbackResult),
	}
}

// applyRoom creates the room, or corrects the one that is recorded. It returns its ARN.
func (r *reconciler) applyRoom(ctx context.Context, object *ChatRoom) (string, error) {
	desired := desiredRoom(object)
	arn := object.Status.ARN
	if arn == "" {
		return r.createRoom(ctx, desired)
	}
	actual, err := r.ivschat.GetRoom(ctx, &ivschat.GetRoomInput{Identifier: &arn})
	if isNotFound(err) {
		return r.createRoom(ctx, desired)
	}
	if err != nil {
		return "", err
	}
	if err := r.correctRoom(ctx, arn, desired, actual); err != nil {
		return "", err
	}
	return arn, r.correctTags(ctx, arn, desired.tags, actual.Tags)
}

func (r *reconciler) createRoom(ctx context.Context, desired room) (string, error) {
	input := &ivschat.CreateRoomInput{
		Name:                            &desired.name,
		MaximumMessageLength:            &desired.messageLength,
		MaximumMessageRatePerSecond:     &desired.messageRate,
		LoggingConfigurationIdentifiers: desired.logging,
		Tags:                            desired.tags,
	}
	if desired.handler.URI != "" {
		input.MessageReviewHandler = desired.sdkHandler()
	}
	created, err := r.ivschat.CreateRoom(ctx, input)
	if err != nil {
		return "", err
	}
	return aws.ToString(created.Arn), nil
}

func (r *reconciler) correctRoom(ctx context.Context, arn string, desired room, actual *ivschat.GetRoomOutput) error {
	update := &ivschat.UpdateRoomInput{Identifier: &arn}
	differs := false
	if aws.ToString(actual.Name) != desired.name {
		update.Name, differs = &desired.name, true
	}
	if aws.ToInt32(actual.MaximumMessageLength) != desired.messageLength {
		update.MaximumMessageLength, differs = &desired.messageLength, true
	}
	if aws.ToInt32(actual.MaximumMessageRatePerSecond) != desired.messageRate {
		update.MaximumMessageRatePerSecond, differs = &desired.messageRate, true
	}
	if handlerOf(actual) != desired.handler {
		update.MessageReviewHandler, differs = desired.sdkHandler(), true
	}
	if !slices.Equal(slices.Sorted(slices.Values(actual.LoggingConfigurationIdentifiers)), desired.logging) {
		// The SDK leaves a nil slice out, and sends an empty one.
		update.LoggingConfigurationIdentifiers, differs = append([]string{}, desired.logging...), true
	}
	if !differs {
		return nil
	}
	_, err := r.ivschat.UpdateRoom(ctx, update)
	return err
}

func (r *reconciler) correctTags(ctx context.Context, arn string, desired, actual map[string]string) error {
	different := map[string]string{}
	for key, value := range desired {
		if found, ok := actual[key]; !ok || found != value {
			different[key] = value
		}
	}
	var surplus []string
	for key := range actual {
		if _, ok := desired[key]; !ok && !strings.HasPrefix(key, "aws:") {
			surplus = append(surplus, key)
		}
	}
	if len(surplus) > 0 {
		if _, err := r.ivschat.UntagResource(ctx, &ivschat.UntagResourceInput{ResourceArn: &arn, TagKeys: surplus}); err != nil {
			return err
		}
	}
	if len(different) > 0 {
		if _, err := r.ivschat.TagResource(ctx, &ivschat.TagResourceInput{ResourceArn: &arn, Tags: different}); err != nil {
			return err
		}
	}
	return nil
}

// deleteRoom deletes the room. One that is gone already is fine.
func (r *reconciler) deleteRoom(ctx context.Context, arn string) error {
	_, err := r.ivschat.DeleteRoom(ctx, &ivschat.DeleteRoomInput{Identifier: &arn})
	if isNotFound(err) {
		return nil
	}
	return err
}

func handlerOf(actual *ivschat.GetRoomOutput) MessageReviewHandler {
	handler := actual.MessageReviewHandler
	if handler == nil || aws.ToString(handler.Uri) == "" {
		return MessageReviewHandler{}
	}
	fallback := handler.FallbackResult
	if fallback == "" {
		fallback = types.FallbackResultAllow
	}
	return MessageReviewHandler{URI: *handler.Uri, FallbackResult: string(fallback)}
}

func isNotFound(err error) bool {
	var notFound *types.ResourceNotFoundException
	return errors.As(err, &notFound)
}
