//! Waits, by a clock that moves only when everybody waits.

use std::future::{pending, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::push::{Limits, Retry};

const LIMITS: Limits = Limits {
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(30),
    longest_retry_after: Duration::from_mins(15),
};

/// How long it waits when an endpoint asked for that.
async fn waited(retry: &mut Retry, asked: Option<u64>) -> Duration {
    let began = Instant::now();
    retry.wait(asked.map(Duration::from_secs), pending()).await;
    began.elapsed()
}

/// Of a wait of that many seconds, and by chance up to as many more.
fn assert_about(waited: Duration, seconds: u64) {
    let wait = Duration::from_secs(seconds);
    let slack = Duration::from_millis(2);
    assert!(
        wait <= waited && waited <= 2 * wait + slack,
        "{waited:?} instead of {wait:?} to twice that"
    );
}

#[tokio::test(start_paused = true)]
async fn waits_grow_until_an_answer_and_are_bounded() {
    let mut retry = Retry::new(LIMITS);
    for _ in 0..2 {
        for seconds in [1, 2, 4, 8, 16, 30, 30, 30] {
            assert_about(waited(&mut retry, None).await, seconds);
        }
        retry.answered();
    }
}

#[tokio::test(start_paused = true)]
async fn no_two_daemons_wait_alike() {
    let (mut one, mut another) = (Retry::new(LIMITS), Retry::new(LIMITS));
    let mut differ = false;
    for _ in 0..16 {
        differ |= waited(&mut one, None).await != waited(&mut another, None).await;
    }
    assert!(differ);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_left_alone_for_as_long_as_it_asks_within_reason() {
    let mut retry = Retry::new(LIMITS);
    let slack = Duration::from_millis(2);
    for (asked, expected) in [(20, 20), (900, 900), (86_400, 900)] {
        let waited = waited(&mut retry, Some(asked)).await;
        let expected = Duration::from_secs(expected);
        assert!(
            expected <= waited && waited <= expected + slack,
            "{waited:?}"
        );
    }
    // No sooner than without being asked.
    assert_about(waited(&mut retry, Some(0)).await, 8);
}

#[tokio::test(start_paused = true)]
async fn the_end_cuts_one_wait_short_but_none_that_was_asked_for() {
    let mut retry = Retry::new(LIMITS);
    let mut times = Vec::new();
    for asked in [Some(Duration::from_secs(5)), None, None] {
        let began = Instant::now();
        retry.wait(asked, ready(())).await;
        times.push(began.elapsed());
    }
    assert!(times[0] >= Duration::from_secs(5), "{times:?}");
    assert_eq!(times[1], Duration::ZERO);
    assert!(times[2] >= Duration::from_secs(4), "{times:?}");
}
