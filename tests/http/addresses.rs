//! What the configuration says of addresses side by side, the kernel must say, too.

use geophone::config::{Config, FlagSetting, ListenAddress, Overrides, Sources};
use geophone::http::{BindError, Listeners};
use geophone::module::Catalogue;

const HOSTS: [&str; 9] = [
    "",
    "localhost",
    "0.0.0.0",
    "127.0.0.1",
    "127.0.0.2",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:0.0.0.0]",
];

#[test]
fn addresses_are_refused_if_and_only_if_they_cannot_be_listened_on_together() {
    for (at, one) in HOSTS.iter().enumerate() {
        for other in HOSTS.iter().skip(at + 1) {
            // Somebody may take the port between the steps.
            let agree = (0..5).any(|_| agree(one, other));
            assert!(agree, "{one:?} and {other:?}");
        }
    }
}

fn agree(one: &str, other: &str) -> bool {
    let free = Listeners::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let port = free.addresses()[0].port();
    drop(free);
    let values = [one, other].map(|host| format!("{host}:{port}"));
    let sockets: Vec<_> = values
        .iter()
        .flat_map(|text| text.parse::<ListenAddress>().unwrap().sockets())
        .collect();
    let taken = matches!(Listeners::bind(&sockets), Err(BindError::InUse(_)));
    taken != is_valid(values.to_vec())
}

fn is_valid(values: Vec<String>) -> bool {
    let setting = FlagSetting {
        flag: "--web.listen-address".into(),
        path: "web.listen_addresses".into(),
        values,
    };
    let overrides = Overrides {
        file: None,
        settings: vec![setting],
    };
    let sources = Sources {
        overrides,
        ..Sources::default()
    };
    Config::load(&sources, Catalogue::default()).is_ok()
}
