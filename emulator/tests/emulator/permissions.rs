//! What each access key of a credentials file is allowed.

use std::collections::BTreeSet;
use std::future::Future;

use aws_sdk_ivschat::Client;
use aws_sdk_ivschat::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ivschat::operation::get_room::GetRoomError;
use aws_sdk_ivschat::types::{DestinationConfiguration, S3DestinationConfiguration};
use ivschat_emulator::credentials::Credentials;
use ivschat_emulator::world::{Operation, Scope};
use ivschat_emulator::{Emulator, Options};
use serde_json::json;

use crate::stage::{client_of, refused};

const ACCOUNT: &str = "123456789012";
const NOWHERE: &str = "arn:aws:ivschat:us-west-2:123456789012:room/AbCdEfGhIjKl";
const NO_LOGS: &str = "arn:aws:ivschat:us-west-2:123456789012:logging-configuration/AbCdEfGhIjKl";

/// One that knows a key for each of these lists of actions, called by its number.
async fn start(allowed: &[Option<&[&str]>]) -> Emulator {
    let keys = allowed.iter().enumerate().map(|(number, allowed)| {
        let mut key = json!({"secretAccessKey": "secret", "accountId": ACCOUNT});
        if let Some(actions) = allowed {
            key["allow"] = json!(actions);
        }
        (number.to_string(), key)
    });
    let file: serde_json::Map<_, _> = keys.collect();
    let options = Options {
        credentials: Some(Credentials::parse(&json!(file).to_string()).unwrap()),
        ..Options::default()
    };
    Emulator::serve(options).await.unwrap()
}

/// The operation, unless it was denied.
async fn tried<T, E: ProvideErrorMetadata>(
    operation: Operation,
    call: impl Future<Output = Result<T, SdkError<E>>>,
) -> Option<Operation> {
    let error = call.await.err();
    let denied = error.is_some_and(|error| error.code() == Some("AccessDeniedException"));
    (!denied).then_some(operation)
}

/// What the SDK's key may call of all there is, tried on things that are not there.
async fn callable(sdk: &Client) -> BTreeSet<Operation> {
    use Operation as O;
    let bucket = S3DestinationConfiguration::builder().bucket_name("logs");
    let destination = DestinationConfiguration::S3(bucket.build().unwrap());
    #[rustfmt::skip]
    let tried = [
        tried(O::CreateRoom, sdk.create_room().send()).await,
        tried(O::GetRoom, sdk.get_room().identifier(NOWHERE).send()).await,
        tried(O::UpdateRoom, sdk.update_room().identifier(NOWHERE).send()).await,
        tried(O::DeleteRoom, sdk.delete_room().identifier(NOWHERE).send()).await,
        tried(O::ListRooms, sdk.list_rooms().send()).await,
        tried(O::TagResource, sdk.tag_resource().resource_arn(NOWHERE).tags("k", "v").send()).await,
        tried(O::UntagResource, sdk.untag_resource().resource_arn(NOWHERE).tag_keys("k").send()).await,
        tried(O::ListTagsForResource, sdk.list_tags_for_resource().resource_arn(NOWHERE).send()).await,
        tried(O::CreateChatToken, sdk.create_chat_token().room_identifier(NOWHERE).user_id("ada").send()).await,
        tried(O::SendEvent, sdk.send_event().room_identifier(NOWHERE).event_name("goal").send()).await,
        tried(O::DeleteMessage, sdk.delete_message().room_identifier(NOWHERE).id("AbCdEfGhIjKl").send()).await,
        tried(O::DisconnectUser, sdk.disconnect_user().room_identifier(NOWHERE).user_id("ada").send()).await,
        tried(O::CreateLoggingConfiguration, sdk.create_logging_configuration().destination_configuration(destination).send()).await,
        tried(O::GetLoggingConfiguration, sdk.get_logging_configuration().identifier(NO_LOGS).send()).await,
        tried(O::UpdateLoggingConfiguration, sdk.update_logging_configuration().identifier(NO_LOGS).send()).await,
        tried(O::DeleteLoggingConfiguration, sdk.delete_logging_configuration().identifier(NO_LOGS).send()).await,
        tried(O::ListLoggingConfigurations, sdk.list_logging_configurations().send()).await,
    ];
    tried.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_call_what_it_is_allowed_and_nothing_else() {
    let mut all = BTreeSet::from(Operation::ALL);
    all.remove(&Operation::GetCallerIdentity);
    let cases: [(Option<&[&str]>, BTreeSet<Operation>); 5] = [
        (None, all.clone()),
        (Some(&["ivschat:*"]), all),
        (
            Some(&["ivschat:GetRoom", "ivschat:TagResource"]),
            [Operation::GetRoom, Operation::TagResource].into(),
        ),
        (
            Some(&["ivschat:List*"]),
            [
                Operation::ListRooms,
                Operation::ListTagsForResource,
                Operation::ListLoggingConfigurations,
            ]
            .into(),
        ),
        (Some(&[]), BTreeSet::new()),
    ];
    let allowed: Vec<_> = cases.iter().map(|(allowed, _)| *allowed).collect();
    let emulator = start(&allowed).await;
    for (number, (allowed, expected)) in cases.iter().enumerate() {
        let sdk = client_of(&emulator.endpoint(), &number.to_string());
        assert_eq!(callable(&sdk).await, *expected, "{allowed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_names_the_action_that_is_missing_and_has_no_effect() {
    let emulator = start(&[Some(&["ivschat:CreateRoom"])]).await;
    let sdk = client_of(&emulator.endpoint(), "0");
    let rooms = || emulator.world(|world| world.rooms(&Scope::in_region("us-west-2")).len());

    let denied = sdk.get_room().identifier(NOWHERE).send().await;
    match denied.unwrap_err().into_service_error() {
        GetRoomError::AccessDeniedException(error) => {
            let message = error.message();
            assert!(message.contains("to perform: ivschat:GetRoom"), "{message}");
            assert!(message.contains(ACCOUNT), "{message}");
        }
        other => panic!("{other:?}"),
    }

    // Tags of a new room need another permission besides.
    let access_denied = (403, "AccessDeniedException".to_owned());
    let tagged = sdk.create_room().tags("team", "live").send().await;
    assert_eq!(refused(tagged), access_denied);
    assert_eq!(rooms(), 0);
    let last = emulator.journal().pop().unwrap();
    assert_eq!(last.scope, Some(Scope::in_region("us-west-2")));
    assert!(
        last.answer()["message"]
            .to_string()
            .contains("ivschat:TagResource")
    );
    sdk.create_room()
        .set_tags(Some([].into()))
        .send()
        .await
        .unwrap();
    assert_eq!(rooms(), 1);
}
