use super::names;
use crate::document::{Fields, Problems};

const KEY: &str = "drivers";

/// Each is looked at every few seconds.
const MAX_DRIVERS: usize = 16;

/// Reads `drivers`.
pub(super) fn read(fields: &Fields<'_>, problems: &Problems) -> Vec<String> {
    let Some(list) = fields.array(KEY) else {
        return Vec::new();
    };
    if list.value.len() > MAX_DRIVERS {
        problems.add(
            list.origin,
            format!("{KEY} must be at most {MAX_DRIVERS} kernel modules"),
        );
    }
    if !list.value.is_empty() && fields.has("libraries") {
        problems.add(
            list.origin,
            "drivers cannot be combined with [[libraries]]: a module begins anew with its \
             drivers, and what it is attached to in libraries would be lost; make two modules",
        );
    }
    let texts = fields.texts(KEY);
    for driver in &texts {
        // What is empty is noted below.
        if !is_driver(driver.value) && !driver.value.is_empty() {
            problems.add(
                driver.origin,
                format!(
                    "driver {:?} must be a name as in /sys/module: letters, digits and underscores",
                    driver.value
                ),
            );
        }
    }
    names::distinct(&texts, "driver", problems)
}

/// The kernel has underscores where the name of the file may have dashes.
fn is_driver(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
