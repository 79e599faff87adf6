use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::model::Manifest;
use super::{builtin, clash};
use crate::document::{Origin, Problem, Problems};
use crate::regular_file;

/// One module: what it is and the object that does it.
#[derive(Clone)]
pub struct Module {
    pub manifest: Manifest,
    /// The eBPF object, an ELF file. Aligned to 8 bytes or more.
    pub object: Cow<'static, [u8]>,
    pub source: ModuleSource,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleSource {
    Builtin,
    /// The manifest's path.
    File(PathBuf),
}

/// Every module the daemon knows, enabled or not, in the order of exposition: built-ins, then
/// those of each directory by name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    pub(super) modules: Vec<Arc<Module>>,
    /// Those whose name another has.
    pub(super) namesakes: Vec<Arc<Module>>,
}

impl Catalogue {
    /// The built-in modules.
    pub fn builtin() -> Result<Self, Vec<Problem>> {
        let mut catalogue = Self::default();
        let problems = Problems::default();
        for embedded in builtin::MODULES {
            let source = ModuleSource::Builtin;
            let parsed = Manifest::parse_builtin(embedded.file, embedded.manifest);
            let object = Cow::Borrowed(embedded.object);
            catalogue.add(parsed, object, source, &problems);
        }
        if problems.is_empty() {
            Ok(catalogue)
        } else {
            Err(problems.into_sorted())
        }
    }

    /// Adds every pair `NAME.toml`, `NAME.o` of a directory; `origin` is where the directory
    /// was named. Returns what is wrong with them; what is right is added all the same.
    pub fn add_directory(&mut self, directory: &Path, origin: &Origin) -> Vec<Problem> {
        let problems = Problems::default();
        match manifests(directory) {
            Ok(files) => {
                for file in files {
                    self.add_file(&file, &problems);
                }
            }
            Err(error) => problems.add(
                origin,
                format!(
                    "cannot read module directory {}: {error}; create it, make it readable, or remove it from module_dirs",
                    directory.display()
                ),
            ),
        }
        problems.into_sorted()
    }

    pub fn get(&self, name: &str) -> Option<&Arc<Module>> {
        self.modules
            .iter()
            .find(|module| module.manifest.name == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<Module>> {
        self.modules.iter()
    }

    /// Modules that were left out because their name was taken, for who looks for mistakes.
    pub fn namesakes(&self) -> impl Iterator<Item = &Arc<Module>> {
        self.namesakes.iter()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.modules
            .iter()
            .map(|module| module.manifest.name.as_str())
    }

    fn add_file(&mut self, file: &Path, problems: &Problems) {
        let name = file.display().to_string();
        let place = Origin::Path(name.as_str().into());
        let text = match regular_file::read_to_string(file) {
            Ok(text) => text,
            Err(error) => {
                return problems.add(&place, format!("cannot read the manifest: {error}"));
            }
        };
        let parsed = Manifest::parse(&name, &text);
        let path = file.with_extension("o");
        let object = match regular_file::read(&path) {
            Ok(object) => object,
            Err(error) => {
                if let Err(found) = parsed {
                    problems.extend(found);
                }
                let remedy = "a module is a pair NAME.toml and NAME.o in one directory";
                let path = path.display();
                return problems.add(
                    &place,
                    format!("cannot read its object {path}: {error}; {remedy}"),
                );
            }
        };
        let stem = file.file_stem().unwrap_or_default();
        if let Ok(manifest) = &parsed
            && *stem != *manifest.name
        {
            let wanted = &manifest.name;
            problems.add(
                &manifest.origin,
                format!("the file is called differently from its module; rename it to {wanted}.toml and the object to {wanted}.o"),
            );
        }
        let source = ModuleSource::File(file.to_owned());
        self.add(parsed, Cow::Owned(object), source, problems);
    }

    /// Adds a module unless something is wrong with it or it clashes with one already there.
    fn add(
        &mut self,
        parsed: Result<Manifest, Vec<Problem>>,
        object: Cow<'static, [u8]>,
        source: ModuleSource,
        problems: &Problems,
    ) {
        let manifest = match parsed {
            Ok(manifest) => manifest,
            Err(found) => return problems.extend(found),
        };
        let clash = clash::note(&manifest, &self.modules, problems);
        let list = if clash {
            &mut self.namesakes
        } else {
            &mut self.modules
        };
        list.push(Arc::new(Module {
            manifest,
            object,
            source,
        }));
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the object: tens of thousands of numbers.
        out.debug_struct("Module")
            .field("manifest", &self.manifest)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl ModuleSource {
    /// `built in`, or the manifest's path.
    pub fn describe(&self) -> String {
        match self {
            Self::Builtin => "built in".into(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// The manifests of a directory, by name.
fn manifests(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
