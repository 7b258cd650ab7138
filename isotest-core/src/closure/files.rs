//! Finds the files a loader would see: those of the host, or of a tree that becomes the root of a program.

use super::cache;
use super::elf::{self, ElfError};
use super::object::{Closure, Facts, Kind};
use super::resolve::{self, Library};
use super::search::{self, Flavour, Linker};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const INDEX: &str = "/etc/ld.so.cache";
/// Directories in which musl looks unless a file says otherwise.
const MUSL_DEFAULTS: &str = "/lib:/usr/local/lib:/usr/lib";
/// Limit on the bytes read of a loader of glibc; none is as large.
const MAX_LOADER_BYTES: u64 = 4 << 20;

/// Files by the paths at which a program sees them.
///
/// Every file is read once.
#[derive(Debug, Default)]
pub struct Files {
    /// Tree that is `/`, with its open directory; `None` for the host's.
    root: Option<(PathBuf, File)>,
    /// Directories and files of the host that the program sees at their own paths all the same.
    shared: Vec<PathBuf>,
    read: RefCell<HashMap<PathBuf, Option<(PathBuf, Facts)>>>,
}

impl Files {
    /// Returns the files of the host.
    pub fn of_host() -> Self {
        Self::default()
    }

    /// Returns the files below `root`, and the host's below `shared`. Links are followed as if `root` were `/`.
    ///
    /// # Errors
    /// When `root` cannot be opened.
    pub fn of_tree(root: &Path, shared: Vec<PathBuf>) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let opened = File::open(&root)?;
        Ok(Self { root: Some((root, opened)), shared, ..Self::default() })
    }

    /// Finds what `program`, an absolute path, needs where only these files are there and the environment has this
    /// `LD_LIBRARY_PATH`. Empty entries of that would be the working directory and are passed over.
    ///
    /// # Errors
    /// When the program is not there or not an ELF file. A missing library is no error: [`Closure::missing`].
    pub fn closure(&self, program: &Path, library_path: Option<&OsStr>) -> Result<Closure, ElfError> {
        let (real, facts) = self.read(program)?;
        let linker = self.linker(&facts, library_path);
        Ok(resolve::closure(program, real, facts, &linker, self))
    }

    /// Opens a file and returns its real path, too.
    fn open(&self, path: &Path) -> io::Result<(File, PathBuf)> {
        let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        let tree = self.root.as_ref().filter(|_| !self.shared.iter().any(|shared| path.starts_with(shared)));
        let file = match tree {
            None => {
                use std::os::unix::fs::OpenOptionsExt;
                File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?
            }
            Some((_, root)) => {
                let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT);
                File::from(openat2(root, path, how)?)
            }
        };
        if !file.metadata()?.is_file() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let real = fs::read_link(Path::new("/proc/self/fd").join(file.as_raw_fd().to_string()))?;
        let below = tree.and_then(|(root, _)| real.strip_prefix(root).ok());
        let real = below.map_or_else(|| real.clone(), |below| Path::new("/").join(below));
        Ok((file, real))
    }

    /// Returns the real path of a file and the facts that it states.
    fn read(&self, path: &Path) -> Result<(PathBuf, Facts), ElfError> {
        let (file, real) = self.open(path)?;
        Ok((real, elf::facts(&file)?))
    }

    /// Returns the loader of a program with these facts.
    fn linker(&self, facts: &Facts, library_path: Option<&OsStr>) -> Linker {
        let library_path = library_path.into_iter().flat_map(|path| {
            path.as_bytes()
                .split(|byte| matches!(byte, b':' | b';'))
                .map(|part| OsStr::from_bytes(part).into())
        });
        let library_path = library_path.filter(|path: &PathBuf| path.is_absolute()).collect();
        let name = facts.interpreter.as_deref().and_then(Path::file_name).unwrap_or_default();
        match name.to_string_lossy().strip_prefix("ld-musl-") {
            Some(rest) => self.musl(rest.trim_end_matches(".so.1"), library_path),
            None => self.glibc(facts, library_path),
        }
    }

    fn glibc(&self, facts: &Facts, library_path: Vec<PathBuf>) -> Linker {
        let (lib, defaults) = self.glibc_directories(facts);
        let mut index = Vec::new();
        if let Ok((mut file, _)) = self.open(Path::new(INDEX)) {
            // An index that cannot be read has no entries.
            let _ = file.read_to_end(&mut index);
        }
        Linker {
            flavour: Flavour::Glibc,
            library_path,
            configuration: (!index.is_empty()).then(|| INDEX.into()),
            index: cache::entries(&index),
            defaults,
            levels: levels(),
            lib,
            platform: std::env::consts::ARCH,
        }
    }

    /// Finds the value of `$LIB` and the default directories that glibc was built for by the place of its loader:
    /// `/usr/lib/x86_64-linux-gnu` on Debian, `/usr/lib64` on most others. A loader that has been copied to `/lib64`
    /// may have been built for either, and states it itself.
    fn glibc_directories(&self, facts: &Facts) -> (String, Vec<PathBuf>) {
        let real = facts.interpreter.as_deref().and_then(|path| self.open(path).ok()).map(|(_, real)| real);
        let directory = real.as_deref().and_then(Path::parent).map(Path::to_path_buf);
        let fallback = if facts.kind.is_64_bit { "lib64" } else { "lib" };
        let directory = directory.unwrap_or_else(|| Path::new("/").join(fallback));
        let below =
            directory.strip_prefix("/usr").or_else(|_| directory.strip_prefix("/")).unwrap_or(&directory);
        if !below.starts_with("lib") && !below.starts_with("lib64") && !below.starts_with("lib32") {
            return (fallback.into(), vec![directory]);
        }
        let mut defaults = vec![Path::new("/").join(below), Path::new("/usr").join(below)];
        if below.components().count() == 1
            && let Some(built_in) = self.built_in(facts)
        {
            let lib = built_in.first().and_then(|first| first.strip_prefix("/").ok()).unwrap_or(below);
            return (lib.display().to_string(), built_in);
        }
        if below.components().count() > 1 {
            defaults.extend(["/lib".into(), "/usr/lib".into()]);
        }
        (below.display().to_string(), defaults)
    }

    /// Reads the default directories that a loader of glibc has built in.
    fn built_in(&self, facts: &Facts) -> Option<Vec<PathBuf>> {
        let (file, _) = self.open(facts.interpreter.as_deref()?).ok()?;
        let mut text = Vec::new();
        file.take(MAX_LOADER_BYTES).read_to_end(&mut text).ok()?;
        search::built_in(&text)
    }

    fn musl(&self, architecture: &str, library_path: Vec<PathBuf>) -> Linker {
        let configuration = PathBuf::from(format!("/etc/ld-musl-{architecture}.path"));
        let mut text = String::new();
        let read = self.open(&configuration).and_then(|(mut file, _)| file.read_to_string(&mut text));
        let text = if read.is_ok() { text.as_str() } else { MUSL_DEFAULTS };
        let defaults = text.split([':', '\n']).filter(|path| !path.is_empty()).map(PathBuf::from).collect();
        Linker {
            flavour: Flavour::Musl,
            library_path,
            index: Vec::new(),
            configuration: read.is_ok().then_some(configuration),
            defaults,
            levels: &[],
            lib: String::new(),
            platform: std::env::consts::ARCH,
        }
    }
}

impl Kind {
    /// Returns the machine of this program, and so the one that it is executed on.
    pub fn native() -> Self {
        use ::elf::abi::{EM_386, EM_AARCH64, EM_ARM, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64};
        let machine = match std::env::consts::ARCH {
            "x86_64" => EM_X86_64,
            "x86" => EM_386,
            "aarch64" => EM_AARCH64,
            "arm" => EM_ARM,
            "riscv64" => EM_RISCV,
            "powerpc64" => EM_PPC64,
            "s390x" => EM_S390,
            _ => 0,
        };
        let is_64_bit = cfg!(target_pointer_width = "64");
        Self { is_64_bit, is_little_endian: cfg!(target_endian = "little"), machine }
    }
}

impl Library for Files {
    fn at(&self, path: &Path) -> Option<(PathBuf, Facts)> {
        if let Some(known) = self.read.borrow().get(path) {
            return known.clone();
        }
        let read = self.read(path).ok();
        self.read.borrow_mut().insert(path.to_owned(), read.clone());
        read
    }
}

/// Returns the subdirectories of `glibc-hwcaps` for this processor, best first.
#[cfg(target_arch = "x86_64")]
fn levels() -> &'static [&'static str] {
    use std::arch::is_x86_feature_detected as has;
    const ALL: [&str; 3] = ["x86-64-v4", "x86-64-v3", "x86-64-v2"];
    let v2 = has!("cmpxchg16b") && has!("popcnt") && has!("sse4.2") && has!("ssse3");
    let v3 = v2 && has!("avx2") && has!("bmi1") && has!("bmi2") && has!("f16c");
    let v3 = v3 && has!("fma") && has!("lzcnt") && has!("movbe");
    let v4 = v3 && has!("avx512f") && has!("avx512bw") && has!("avx512cd") && has!("avx512dq");
    let v4 = v4 && has!("avx512vl");
    match (v4, v3, v2) {
        (true, ..) => &ALL,
        (_, true, _) => &ALL[1..],
        (.., true) => &ALL[2..],
        _ => &[],
    }
}

/// Returns the subdirectories of `glibc-hwcaps` for this processor: none are known.
#[cfg(not(target_arch = "x86_64"))]
fn levels() -> &'static [&'static str] {
    &[]
}
