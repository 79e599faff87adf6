use geophone::export::prometheus::{Exposition, Format, encode};
use geophone::http::Counters;
use geophone_test_support::promtool::Promtool;

use crate::sample;

#[test]
fn promtool_has_nothing_to_say() {
    let Some(promtool) = Promtool::find() else {
        return;
    };
    let mut families = sample::families(20_000);
    families.extend(Counters::default().families());
    for classic_buckets in [true, false] {
        let exposition = Exposition { classic_buckets };
        let page = encode(Format::Text004, &families, &exposition).unwrap();
        promtool.check(&page).unwrap();
    }
}
