use crate::document::{At, Origin, Problems, did_you_mean};

/// The named things of one section.
///
/// Remembers names whose declaration was wrong, so that references to them are not reported
/// as a second mistake.
#[derive(Debug)]
pub(super) struct Declared<T>(Vec<Declaration<T>>);

#[derive(Debug)]
struct Declaration<T> {
    name: String,
    origin: Origin,
    /// None if the declaration was wrong.
    item: Option<T>,
}

impl<T> Default for Declared<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Declared<T> {
    /// Adds a declaration; `item` is `None` if it was wrong. A second one of the same name is
    /// a problem.
    pub(super) fn add(
        &mut self,
        name: At<'_, &str>,
        item: Option<T>,
        what: &str,
        problems: &Problems,
    ) {
        if self.0.iter().any(|known| known.name == name.value) {
            problems.add(
                name.origin,
                format!("{what} {:?} is declared twice", name.value),
            );
            return;
        }
        let (name, origin) = (name.value.to_owned(), name.origin.clone());
        self.0.push(Declaration { name, origin, item });
    }

    /// What a reference means. Notes a name that nothing has.
    pub(super) fn refer(&self, name: At<'_, &str>, what: &str, problems: &Problems) -> Option<&T> {
        if let Some(known) = self.0.iter().find(|known| known.name == name.value) {
            return known.item.as_ref();
        }
        let hint = did_you_mean(name.value, self.0.iter().map(|known| known.name.as_str()));
        problems.add(
            name.origin,
            format!("no {what} is named {:?}{hint}", name.value),
        );
        None
    }

    /// Every declared name with its place.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &Origin)> {
        self.0
            .iter()
            .map(|known| (known.name.as_str(), &known.origin))
    }

    pub(super) fn valid(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(|known| known.item.as_ref())
    }

    pub(super) fn into_valid(self) -> Vec<T> {
        self.0.into_iter().filter_map(|known| known.item).collect()
    }
}
