use super::{Kind, Type};

/// Finds types by name: their ids, ordered by a hash of the name.
///
/// Of a kernel's types one in seven is a structure, enumeration or the like that is looked
/// up again and again; functions and the nameless, which are the rest, stay outside.
#[derive(Debug)]
pub(super) struct Names(Vec<(u32, u32)>);

impl Names {
    /// Orders `types`, given with their names by ascending id.
    pub fn collect<'a>(types: impl Iterator<Item = (Type<'a>, &'a [u8])>) -> Self {
        let mut names: Vec<(u32, u32)> = types
            .filter(|(found, name)| Self::holds(found.kind) && !name.is_empty())
            .map(|(found, name)| (hash(name), found.id))
            .collect();
        names.shrink_to_fit();
        names.sort_unstable();
        Self(names)
    }

    /// Whether types of this kind are found here.
    pub fn holds(kind: Kind) -> bool {
        !matches!(
            kind,
            Kind::Func | Kind::FuncProto | Kind::DeclTag | Kind::TypeTag
        )
    }

    /// Ids of the types that may have this name, ascending. A hash may be of two names.
    pub fn candidates(&self, name: &str) -> impl Iterator<Item = u32> {
        let wanted = hash(name.as_bytes());
        let start = self.0.partition_point(|&(hash, _)| hash < wanted);
        let rest = self.0.get(start..).unwrap_or_default().iter();
        rest.take_while(move |&&(hash, _)| hash == wanted)
            .map(|&(_, id)| id)
    }
}

/// FNV-1a
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0x811c_9dc5, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
