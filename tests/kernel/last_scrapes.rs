//! What becomes of the scrapes that run when the daemon is told to end.

use std::iter;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use geophone_test_support::client::Client;
use geophone_test_support::daemon::Options;
use geophone_test_support::kernel_objects::KernelObjects;
use geophone_test_support::wait;
use rustix::process::Signal;

use crate::{timed, turn};

const LIMIT: Duration = Duration::from_secs(20);

/// Scrapers at a time, of each kind.
const COUNT: usize = 2;

/// Pages that one of them asks for who takes none of them yet: more than the kernel keeps for it,
/// which may be 4 MiB on the daemon's side (net.ipv4.tcp_wmem).
const AHEAD: usize = 60;

/// Of a format whose pages say where they end, so that a page that was cut shows, whatever its
/// length was said to be.
const REQUEST: &str = "GET /metrics HTTP/1.1\r\nHost: x\r\n\
    Accept: application/openmetrics-text;version=1.0.0\r\n\r\n";

/// Scrapers who have asked, and do not take their pages yet.
fn slow(address: SocketAddr) -> Vec<Client> {
    let asks = |_| {
        let mut client = Client::connect(address)?;
        client.send(&REQUEST.repeat(AHEAD))?;
        Ok(client)
    };
    (0..COUNT).map(asks).collect::<Result<_>>().unwrap()
}

/// Scrapes until the daemon answers nobody but who does so, since the others take nothing.
fn wait_until_stuck(client: &mut Client) {
    let mut last = f64::NAN;
    wait::until("the pages to be on the way", LIMIT, || {
        let page = client.metrics()?;
        let running = page.sum("geophone_http_requests_in_flight", &[]);
        let answered = page.sum("geophone_http_requests_total", &[]).unwrap_or(0.0);
        let alone = (answered - last - 1.0).abs() < 0.5;
        last = answered;
        // That of this page is one, too.
        Ok(running.filter(|running| alone && *running > 2.0 * COUNT as f64))
    })
    .unwrap();
}

/// Reads the answer, if there is one: a whole page or an error.
fn answer(client: &mut Client) -> Result<Option<usize>> {
    if !client.is_answered()? {
        return Ok(None);
    }
    let response = client.response(false)?;
    assert_eq!(response.status, 200);
    assert!(response.text().ends_with("\n# EOF\n"), "a page was cut");
    Ok(Some(response.body.len()))
}

/// Scrapes until the server does not answer any more. Counts pages.
fn scrape(address: SocketAddr, keeps: bool, pages: &AtomicUsize) {
    let mut kept = None;
    while let Ok(client) = kept.take().map_or_else(|| Client::connect(address), Ok) {
        let mut client: Client = client;
        // Refused, where the server closed first.
        if client.send(REQUEST).is_err() || answer(&mut client).unwrap().is_none() {
            return;
        }
        pages.fetch_add(1, SeqCst);
        kept = keeps.then_some(client);
    }
}

#[test]
fn a_termination_leaves_no_page_in_halves() {
    let Some(_turn) = turn() else { return };
    let (binary, optimized) = timed();
    let mut daemon = Options::new(binary).start().unwrap();
    let held = KernelObjects::of_process(daemon.id()).unwrap();
    assert!(!held.programs.is_empty() && !held.links.is_empty());
    let address = daemon.address();
    // Some will take their pages in time, and some never.
    let (late, lost) = (slow(address), slow(address));
    wait_until_stuck(&mut daemon.client().unwrap());
    let scrapers: [(bool, AtomicUsize); 2 * COUNT] =
        std::array::from_fn(|index| (index % 2 == 0, AtomicUsize::new(0)));
    thread::scope(|scope| {
        for (keeps, pages) in &scrapers {
            scope.spawn(|| scrape(address, *keeps, pages));
        }
        let begun = || scrapers.iter().all(|(_, pages)| pages.load(SeqCst) > 0);
        wait::until("every scraper's page", LIMIT, || Ok(begun().then_some(()))).unwrap();
        let late = scope.spawn(|| {
            wait::until("nobody to listen", LIMIT, || {
                Ok(TcpStream::connect(address).err())
            })
            .unwrap();
            let all = |mut client| iter::from_fn(move || answer(&mut client).transpose()).collect();
            late.into_iter().map(all).collect::<Vec<Result<Vec<_>>>>()
        });
        let (status, time) = daemon.stop(Signal::TERM).unwrap();
        let answers = late.join().unwrap();
        println!("ended after {time:?}; {scrapers:?}; late: {answers:?}");
        assert!(status.success(), "{status}");
        // 700 ms of them for who takes nothing.
        assert!(!optimized || time < Duration::from_secs(1), "{time:?}");
        for pages in answers {
            assert!(!pages.unwrap().is_empty());
        }
    });
    for mut client in lost {
        // Whole ones that the kernel has kept, and then one that nobody takes for a page.
        let mut answers = iter::from_fn(|| answer(&mut client).transpose());
        assert!(answers.any(|it| it.is_err()), "no page was cut");
    }
    held.freed().unwrap();
}
