use futures::FutureExt;
use futures::future::BoxFuture;
use ivschat_core::room::{Owner, Tags};
use jiff::ToSpan;
use tokio::time::advance;

use super::*;
use crate::clock::Clock;
use crate::list::Page;
use crate::meter::Unmetered;
use crate::port::{Answer, AttemptError, Aws, Request};
use crate::settings::Settings;

const ACCOUNT: &str = "123456789012";

/// A region of one room. Notes which regions were listed.
#[derive(Debug, Default)]
struct OneRoom(Mutex<Vec<String>>);

impl Aws for OneRoom {
    fn account(&self) -> BoxFuture<'_, Result<String, Failure>> {
        async { Ok(ACCOUNT.to_owned()) }.boxed()
    }

    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Answer, AttemptError>> {
        let region = request.region();
        self.0.lock().unwrap().push(region.to_owned());
        let owner = (OWNER_TAG.to_owned(), identity().owner.to_string());
        let room = Summary {
            arn: arn(region),
            tags: Tags::from([owner]),
            create_time: None,
            update_time: None,
        };
        let page = Page {
            rooms: vec![room],
            next_token: None,
        };
        async { Ok(Answer::Page(page)) }.boxed()
    }
}

fn arn(region: &str) -> RoomArn {
    let arn = format!("arn:aws:ivschat:{region}:{ACCOUNT}:room/abcdefghijkl");
    arn.parse().unwrap()
}

fn identity() -> Identity {
    let owner = Owner {
        cluster: "prod".parse().unwrap(),
        namespace: "live".to_owned(),
        name: "lobby".to_owned(),
    };
    Identity {
        owner,
        uid: "uid-1".to_owned(),
        former: Vec::new(),
    }
}

/// An index whose lists count for a minute and lag by at most a second.
fn index(aws: &Arc<OneRoom>) -> Index {
    let clock = clock();
    clock.hear(None, clock.ask());
    index_by(aws, clock)
}

/// Its machine's clock goes with tokio's.
fn clock() -> AwsClock {
    let start = Instant::now();
    let machine = Clock::of(move || {
        let passed = i64::try_from(start.elapsed().as_millis()).unwrap();
        Timestamp::UNIX_EPOCH + passed.milliseconds()
    });
    AwsClock::new(&machine, Duration::from_secs(1))
}

fn index_by(aws: &Arc<OneRoom>, clock: AwsClock) -> Index {
    let settings = Settings {
        region: None,
        endpoint: None,
        operation_timeout: Duration::from_secs(10),
        quota_factor: 1.0,
        wait_factor: 1.0,
    };
    let rooms = Rooms::over(aws.clone(), &settings, Arc::new(Unmetered));
    Index::new(
        Arc::new(rooms),
        Account::over(aws.clone()),
        Duration::from_mins(1),
        Duration::from_secs(1),
        Arc::new(Unmetered),
        clock,
    )
}

#[tokio::test(start_paused = true)]
async fn a_list_serves_everyone_until_it_is_too_old() {
    let aws = Arc::new(OneRoom::default());
    let index = index(&aws);
    // A list made right after a takeover counts for the lag bound only.
    advance(Duration::from_secs(2)).await;
    let mut listed = Vec::new();
    for seconds in [0, 59, 1] {
        advance(Duration::from_secs(seconds)).await;
        let rooms = index
            .rooms_of(&identity(), ACCOUNT, "us-west-2", None)
            .await;
        assert_eq!(rooms, Ok(vec![arn("us-west-2")]));
        listed.push(aws.0.lock().unwrap().len());
    }
    assert_eq!(listed, [1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn regions_are_told_in_the_order_of_their_names() {
    let aws = Arc::new(OneRoom::default());
    let index = index(&aws);
    for region in ["us-west-2", "ap-south-1", "eu-west-1"] {
        index.relist(ACCOUNT, region).await.unwrap();
    }
    let regions = index.regions(ACCOUNT);
    assert_eq!(regions, ["ap-south-1", "eu-west-1", "us-west-2"]);
}

#[tokio::test(start_paused = true)]
async fn while_it_is_not_known_what_time_it_is_aws_is_asked_again() {
    let (aws, clock) = (Arc::new(OneRoom::default()), clock());
    clock.hear(None, clock.ask());
    let index = index_by(&aws, clock.clone());
    advance(Duration::from_secs(2)).await;
    let mut listed = Vec::new();
    for known in [true, true, false, false, true] {
        advance(Duration::from_millis(1)).await;
        if known {
            clock.hear(None, clock.ask());
        } else {
            clock.forget();
        }
        let rooms = index
            .rooms_of(&identity(), ACCOUNT, "us-west-2", None)
            .await;
        assert_eq!(rooms, Ok(vec![arn("us-west-2")]));
        listed.push(aws.0.lock().unwrap().len());
    }
    assert_eq!(listed, [1, 1, 2, 3, 3]);
}
