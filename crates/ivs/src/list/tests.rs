use std::future::ready;

use futures::FutureExt;
use ivschat_core::room::Tags;

use super::*;

/// Pages of rooms that were updated in these seconds; `None`: AWS does not say when.
struct Fixed {
    pages: Vec<Vec<Option<i64>>>,
    read: usize,
}

impl Pages for Fixed {
    fn read(
        &mut self,
        token: Option<String>,
    ) -> impl Future<Output = Result<Page, Failure>> + Send {
        let page: usize = token.map_or(0, |token| token.parse().unwrap());
        self.read += 1;
        let room = |updated: &Option<i64>| Summary {
            arn: "arn:aws:ivschat:us-west-2:123456789012:room/abcdefghijkl"
                .parse()
                .unwrap(),
            name: String::new(),
            message_review_handler: None,
            logging_configuration_identifiers: Vec::new(),
            tags: Tags::new(),
            create_time: None,
            update_time: updated.map(at),
        };
        ready(Ok(Page {
            rooms: self.pages[page].iter().map(room).collect(),
            next_token: (page + 1 < self.pages.len()).then(|| (page + 1).to_string()),
        }))
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// How many pages are read, how many rooms they show, and since when updated rooms are on all of them and on the first.
fn read(
    pages: &[&[Option<i64>]],
    down_to: Option<i64>,
) -> (usize, usize, Option<Timestamp>, Option<Timestamp>) {
    let mut fixed = Fixed {
        pages: pages.iter().map(|page| page.to_vec()).collect(),
        read: 0,
    };
    let front = read_front(&mut fixed, down_to.map(at)).now_or_never();
    let front = front.expect("nothing waits here").unwrap();
    (
        fixed.read,
        front.rooms.unpack().count(),
        front.down_to,
        front.first_down_to,
    )
}

#[test]
fn pages_are_read_until_one_shows_a_room_that_was_updated_earlier_or_there_are_no_more() {
    let pages: [&[_]; 3] = [
        &[Some(9), Some(8)],
        &[Some(8), Some(6)],
        &[Some(5), Some(4)],
    ];
    // Another room of second 8 may be on the second page, and is.
    let first = Some(at(8) + 1.nanosecond());
    assert_eq!(read(&pages, Some(9)), (1, 2, Some(at(9)), first));
    assert_eq!(read(&pages, Some(8)), (2, 4, Some(at(8)), first));
    assert_eq!(read(&pages, Some(6)), (3, 6, None, first));
    assert_eq!(read(&pages, None), (3, 6, None, first));
    assert_eq!(read(&pages[..1], Some(9)), (1, 2, None, None));
    assert_eq!(read(&[&[]], None), (1, 0, None, None));
}

#[test]
fn without_a_time_to_compare_with_every_page_is_read_and_the_first_shows_nothing_for_sure() {
    let pages: [&[_]; 2] = [&[Some(9), None], &[Some(5)]];
    let all = (2, 3, None, Some(Timestamp::MAX));
    assert_eq!(read(&pages, Some(9)), all);
}
