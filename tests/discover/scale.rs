use std::process::{Child, Command, Stdio};
use std::time::Duration;

use geophone::discover::library::Counts;
use geophone_test_support::privileges;

use crate::library::Library;
use crate::scan::Scan;

/// Processes that do nothing.
struct Crowd(Vec<Child>);

impl Crowd {
    fn of(size: usize) -> Self {
        let sleeper = || {
            Command::new("sleep")
                .arg("600")
                .stdin(Stdio::null())
                .spawn()
                .unwrap()
        };
        Self((0..size).map(|_| sleeper()).collect())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// `CROWD` is its size; what is printed is what looking costs.
#[test]
fn a_crowd_is_looked_at_piece_by_piece() {
    if !privileges::present() {
        return;
    }
    let library = Library::new();
    let size = std::env::var("CROWD").map_or(500, |size| size.parse().unwrap());
    let crowd = Crowd::of(size);
    let mut scan = Scan::new(library.wanted());
    scan.finds_nothing();
    let counts = scan.counts();
    println!("all: {}", cost(&Counts::default(), &counts));
    assert!(counts.processes >= size && counts.looks >= size as u64);
    assert_eq!((counts.waiting, counts.stuck), (0, 0));

    let mut looks = counts.looks;
    for minute in 1..=3 {
        let before = scan.counts();
        scan.run(Duration::from_mins(1));
        println!("minute {minute}: {}", cost(&before, &scan.counts()));
        looks += size as u64;
    }
    // New ones are looked at more often; each is once in the second and the third minute.
    assert!(scan.counts().looks >= looks - size as u64);

    drop(crowd);
    scan.finds_nothing();
    assert!(scan.counts().processes < counts.processes);
}

fn cost(before: &Counts, after: &Counts) -> String {
    format!(
        "{} looks in {} passes took {:?}",
        after.looks - before.looks,
        after.passes - before.passes,
        after.time.saturating_sub(before.time)
    )
}
