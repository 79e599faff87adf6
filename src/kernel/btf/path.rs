use super::{Btf, BtfError, Kind, MAX_DEPTH, Type};

/// Members looked at for one path. `task_struct`, the largest, has some hundreds.
const BUDGET: u32 = 1 << 20;

/// Where a member lies in the outermost structure of its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub bit_offset: u64,
    /// Width in bits of a bit field; none for ordinary members.
    pub bit_width: Option<u32>,
    pub type_id: u32,
}

/// Why a path leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    #[error("no structure or union {0}")]
    NoType(String),
    #[error("no member {member} in {within}")]
    NoMember { within: String, member: String },
    #[error("{0} is not a structure, so it has no members")]
    NotComposite(String),
    #[error("the kernel has several structures {0} that put the member at different places")]
    Ambiguous(String),
    #[error(transparent)]
    Btf(#[from] BtfError),
}

impl Btf {
    /// Walks `STRUCT.member.member`, through anonymous structures and unions and through
    /// typedefs and qualifiers. Pointers are not followed: the place is one offset.
    ///
    /// Where several definitions bear the name, those without the member are passed over and
    /// the others have to agree.
    pub fn member(&self, structure: &str, path: &[&str]) -> Result<Place, PathError> {
        let kinds = |kind| matches!(kind, Kind::Struct | Kind::Union | Kind::Typedef);
        let mut place: Option<Place> = None;
        let mut miss = None;
        for candidate in self.named(structure, kinds) {
            match self.walk(&candidate, structure, path) {
                Ok(found) => match place {
                    Some(first) if !first.agrees(&found) => {
                        return Err(PathError::Ambiguous(structure.to_owned()));
                    }
                    Some(_) => {}
                    None => place = Some(found),
                },
                Err(PathError::Btf(error)) => return Err(error.into()),
                // What a definition lacks says more than that a typedef is no structure.
                Err(error) if candidate.is_composite() || miss.is_none() => miss = Some(error),
                Err(_) => {}
            }
        }
        place.ok_or_else(|| miss.unwrap_or_else(|| PathError::NoType(structure.to_owned())))
    }

    fn walk(&self, start: &Type<'_>, name: &str, path: &[&str]) -> Result<Place, PathError> {
        let mut place = Place {
            bit_offset: 0,
            bit_width: None,
            type_id: start.id,
        };
        let mut within = name.to_owned();
        let mut budget = BUDGET;
        for step in path {
            let composite = self
                .unaliased(place.type_id)?
                .filter(Type::is_composite)
                .ok_or_else(|| PathError::NotComposite(within.clone()))?;
            let found = self
                .find(&composite, step, 0, &mut budget)?
                .ok_or_else(|| PathError::NoMember {
                    within: within.clone(),
                    member: (*step).to_owned(),
                })?;
            place = Place {
                bit_offset: place.bit_offset + found.bit_offset,
                ..found
            };
            within = format!("{within}.{step}");
        }
        Ok(place)
    }

    fn find(
        &self,
        composite: &Type<'_>,
        name: &str,
        depth: usize,
        budget: &mut u32,
    ) -> Result<Option<Place>, BtfError> {
        if depth > MAX_DEPTH {
            return Err(BtfError::Depth(composite.id));
        }
        for member in composite.members() {
            *budget = budget.checked_sub(1).ok_or(BtfError::Depth(composite.id))?;
            let bit_offset = u64::from(member.bit_offset);
            if self.is_named(member.name, name) {
                let mut place = Place {
                    bit_offset,
                    bit_width: member.bit_width,
                    type_id: member.type_id,
                };
                self.narrow_by_int(&mut place)?;
                return Ok(Some(place));
            }
            if member.name != 0 && !self.is_named(member.name, "") {
                continue;
            }
            let Some(inner) = self.unqualified(member.type_id)?.filter(Type::is_composite) else {
                continue;
            };
            if let Some(place) = self.find(&inner, name, depth + 1, budget)? {
                return Ok(Some(Place {
                    bit_offset: bit_offset + place.bit_offset,
                    ..place
                }));
            }
        }
        Ok(None)
    }

    /// Before structures could say it, a bit field was a member of an integer type of its
    /// own, narrower than its storage.
    fn narrow_by_int(&self, place: &mut Place) -> Result<(), BtfError> {
        if place.bit_width.is_some() {
            return Ok(());
        }
        let Some(storage) = self.unaliased(place.type_id)? else {
            return Ok(());
        };
        let (Some(int), Some(size)) = (storage.int(), storage.size()) else {
            return Ok(());
        };
        if int.bit_offset != 0 || u64::from(int.bits) != u64::from(size) * 8 {
            place.bit_offset += u64::from(int.bit_offset);
            place.bit_width = Some(int.bits);
        }
        Ok(())
    }
}

impl Place {
    fn agrees(&self, other: &Self) -> bool {
        (self.bit_offset, self.bit_width) == (other.bit_offset, other.bit_width)
    }

    /// Offset in bytes, of a member that is no bit field.
    pub fn byte_offset(&self) -> Option<u64> {
        (self.bit_width.is_none() && self.bit_offset.is_multiple_of(8))
            .then_some(self.bit_offset / 8)
    }
}
