use super::model::{Attach, Manifest};

impl Manifest {
    /// The capabilities that it takes, and what it can do without, for people.
    pub fn needs(&self) -> String {
        let always = (!self.requires.is_empty()).then(|| self.requires.join(", "));
        let mut alternatives = self.programs.iter().flat_map(|it| &it.alternatives);
        let records = alternatives
            .any(|it| it.attach == Attach::Tracepoint)
            .then(|| "CAP_DAC_READ_SEARCH where tracefs is closed to it".to_owned());
        let libraries = (!self.libraries.is_empty()).then(|| {
            "for what other users run CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE"
                .to_owned()
        });
        let all: Vec<String> = [always, records, libraries].into_iter().flatten().collect();
        all.join("; ")
    }
}
