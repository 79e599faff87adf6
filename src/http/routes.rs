//! The server's own pages. Everything else but the metrics is not found.

use super::counters::Route;

/// Paths below this one are for control, whether there is a page already or not.
const CONTROL: &str = "/-/";

const PAGES: [(&str, Route); 4] = [
    ("/", Route::Landing),
    ("/status", Route::Status),
    ("/-/healthy", Route::Healthy),
    ("/-/ready", Route::Ready),
];

/// The page at a path.
pub(super) fn page(path: &str) -> Route {
    PAGES
        .iter()
        .find(|(known, _)| *known == path)
        .map_or(Route::Other, |(_, route)| *route)
}

/// Whether the server keeps a path for itself, so that the metrics cannot be there.
pub fn is_reserved(path: &str) -> bool {
    page(path) != Route::Other || path.starts_with(CONTROL)
}

/// The paths that are [reserved](is_reserved), in words to follow "neither".
pub fn reserved() -> String {
    let pages = PAGES.iter().map(|(path, _)| *path);
    let alone: Vec<String> = pages
        .filter(|path| !path.starts_with(CONTROL))
        .map(|path| format!("{path:?}"))
        .collect();
    format!("{} nor below {CONTROL:?}", alone.join(" nor "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_reserved() {
        for (path, route) in PAGES {
            assert!(is_reserved(path) && page(path) == route, "{path}");
        }
        assert!(is_reserved("/-/reload"));
        assert!(!is_reserved("/metrics") && !is_reserved("/status/metrics"));
        assert_eq!(reserved(), "\"/\" nor \"/status\" nor below \"/-/\"");
    }
}
