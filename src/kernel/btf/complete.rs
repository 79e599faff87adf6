use super::{Btf, Kind, Type};

/// Bytes of the header that compilers write.
const HEADER: usize = 24;

impl Btf {
    /// Whether all that types refer to is there, and the sections are where compilers put them:
    /// for who reads it and believes it. Gives the first type that refers to what is not; 0 stands
    /// for the sections.
    pub(in crate::kernel) fn check(&self) -> Result<(), u32> {
        self.are_sections_in_place().then_some(()).ok_or(0_u32)?;
        for id in 1..=self.len() {
            let found = self.get(id).ok().flatten().ok_or(id)?;
            self.is_complete(&found).then_some(()).ok_or(id)?;
        }
        Ok(())
    }

    /// The string section.
    pub(in crate::kernel) fn strings(&self) -> &[u8] {
        self.bytes.get(self.strings.clone()).unwrap_or_default()
    }

    /// The types right behind the header, and right behind them the strings, each with its end.
    fn are_sections_in_place(&self) -> bool {
        let [length, types, before_strings, type_length] =
            [4, 8, 16, 12].map(|at| super::word(&self.bytes, at));
        let strings = self.strings();
        length == u32::try_from(HEADER).ok()
            && types == Some(0)
            && before_strings == type_length
            && strings.first() == Some(&0)
            && strings.last() == Some(&0)
    }

    fn is_complete(&self, of: &Type<'_>) -> bool {
        let mut names = of.names().chain([of.name]);
        let is_name = |at: u32| self.strings().len() > at as usize;
        let members = of.members().map(|member| member.type_id);
        let mut types = members
            .chain(of.parameters())
            .chain(of.variables())
            .chain(of.array().map(|array| array.element))
            .chain(of.referenced());
        let is_variable = |id| matches!(self.get(id), Ok(Some(it)) if it.kind == Kind::Var);
        names.all(is_name) && types.all(|id| id <= self.len()) && of.variables().all(is_variable)
    }
}
