use super::attach::precheck;
use super::{Alternative, Answers, Declarations, KernelBtf, LoadError, Plan, check_functions};
use crate::kernel::object::Object;
use crate::kernel::resolve::explain;

/// What shows of a program without loading it.
#[derive(Debug)]
pub struct Foreseen {
    pub name: String,
    /// The first hook that nothing is known to speak against; else why there is none.
    pub hook: Result<String, String>,
}

/// Tells which programs of an object this kernel can have, as far as its type information
/// says: for who has no right to load them.
///
/// # Errors
///
/// The object cannot be read, or lacks a function of the plan.
pub fn foresee(object: &[u8], plan: &Plan, kernel: &KernelBtf) -> Result<Vec<Foreseen>, LoadError> {
    let declarations = Declarations::find(&Object::parse(object)?)?;
    check_functions(&declarations, plan)?;
    let answers = declarations.answer(&kernel.facts());
    let programs = plan.programs.iter().map(|program| {
        let mut reasons = Vec::new();
        let mut hook = None;
        for (_, alternative) in program.to_try(plan.force_alternative) {
            match obstacle(alternative, &answers, kernel) {
                None => {
                    hook = Some(alternative.hook());
                    break;
                }
                Some(reason) => reasons.push(format!("{}: {reason}", alternative.hook())),
            }
        }
        Foreseen {
            name: program.name.clone(),
            hook: hook.ok_or_else(|| reasons.join("; ")),
        }
    });
    Ok(programs.collect())
}

fn obstacle(
    alternative: &Alternative,
    answers: &Answers<'_>,
    kernel: &KernelBtf,
) -> Option<String> {
    // What could not be looked up speaks for nothing.
    let missing = answers.missing(&alternative.function);
    explain(missing.filter(|it| !it.unknown))
        .or_else(|| precheck(alternative, kernel).err().map(|it| it.reason))
}
