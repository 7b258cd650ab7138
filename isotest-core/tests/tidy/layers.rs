//! The order of the modules of a crate. A module names only modules of lower layers, and files do not name each other in
//! a circle.
//!
//! The page of a crate, and of any module with files below it, may state the layers of the modules directly below:
//! in a fenced `text` block whose first line begins with `layers`. Each line after that is a layer, the highest first: its number
//! and its modules. A line that begins with a blank goes on with the layer above it.

use super::names::{self, ModulePath, Named, Names, below};
use std::collections::{BTreeMap, BTreeSet};

/// A source file of a crate.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path below the crate's `src`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Everything in a crate that is against the order its pages state.
pub(crate) fn violations(files: &[File]) -> Vec<String> {
    let house = House::new(files);
    let uses = house.uses();
    let mut found = house.against_layers(&uses);
    found.extend(house.circles(&uses));
    found
}

/// The layers that the page of `file` states: each module with the number of its layer.
fn statement(text: &str) -> Option<Vec<(usize, Vec<String>)>> {
    let page = text
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line));
    let mut block = page
        .skip_while(|line| !line.starts_with("layers"))
        .skip(1)
        .take_while(|line| !line.starts_with("```"));
    let mut layers: Vec<(usize, Vec<String>)> = Vec::new();
    let first = block.next()?;
    for line in [first].into_iter().chain(block) {
        let mut words = line.split_whitespace().map(str::to_owned);
        if !line.starts_with(' ') {
            let number = words.next()?.parse().ok()?;
            layers.push((number, Vec::new()));
        }
        layers.last_mut()?.1.extend(words);
    }
    Some(layers)
}

/// That one file uses another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    from: usize,
    to: usize,
    line: usize,
    /// The modules in question: where it is named, what the path leads to, and what that stands for.
    by: ModulePath,
    modules: Vec<ModulePath>,
    written: String,
    /// Whether the file only hands on what is below it.
    is_handed_on: bool,
}

/// The files of a crate as modules.
struct House<'files> {
    files: &'files [File],
    names: Vec<Names>,
    /// The file of each module, those written out in another's file included.
    modules: BTreeMap<ModulePath, usize>,
    imports: BTreeMap<ModulePath, Vec<Named>>,
}

impl<'files> House<'files> {
    fn new(files: &'files [File]) -> Self {
        let read = files.iter().map(|file| names::read(&module_of(&file.path), &file.text));
        let names: Vec<Names> = read.collect();
        let for_tests: BTreeSet<&ModulePath> = names.iter().flat_map(|names| &names.for_tests).collect();
        let is_for_tests = |module: &ModulePath| {
            (1..=module.len()).any(|n| module.get(..n).is_some_and(|top| for_tests.contains(&top.to_vec())))
        };
        let mut modules = BTreeMap::new();
        let mut imports: BTreeMap<ModulePath, Vec<Named>> = BTreeMap::new();
        for (index, (file, names)) in files.iter().zip(&names).enumerate() {
            let own = module_of(&file.path);
            if is_for_tests(&own) {
                continue;
            }
            modules.insert(own, index);
            modules.extend(names.inline.iter().map(|module| (module.clone(), index)));
            for named in names.named.iter().filter(|named| named.import.is_some()) {
                imports.entry(named.from.clone()).or_default().push(named.clone());
            }
        }
        Self { files, names, modules, imports }
    }

    /// Every use of one file by another.
    fn uses(&self) -> Vec<Use> {
        let mut uses = BTreeSet::new();
        for (index, names) in self.names.iter().enumerate() {
            let own = module_of(&self.files[index].path);
            if self.modules.get(&own) != Some(&index) {
                continue;
            }
            for named in &names.named {
                for modules in self.lead(&named.from, &named.path, 0) {
                    let Some(to) = modules.last().and_then(|module| self.modules.get(module)) else {
                        continue;
                    };
                    let is_below = modules.last().is_some_and(|module| module.starts_with(&own));
                    let name = named.import.as_deref().unwrap_or_default();
                    let is_handed_on = named.is_reexport && is_below && !names.words.contains(name);
                    let written = named.path.join("::");
                    uses.insert(Use {
                        from: index,
                        to: *to,
                        line: named.line,
                        by: named.from.clone(),
                        modules,
                        written,
                        is_handed_on,
                    });
                }
            }
        }
        uses.into_iter().filter(|found| found.from != found.to || found.modules.len() > 1).collect()
    }

    /// The modules to which `path` leads from `module`: for each meaning of its last name, the modules it passes by
    /// import, the one with the item last. A path out of the crate leads nowhere.
    fn lead(&self, module: &[String], path: &[String], depth: usize) -> Vec<Vec<ModulePath>> {
        let Some((first, rest)) = path.split_first().filter(|_| depth < 16) else { return Vec::new() };
        let mut rest = rest;
        let mut at = match first.as_str() {
            "crate" => ModulePath::new(),
            "self" => module.to_vec(),
            "super" => parent(module),
            name if self.modules.contains_key(&below(module, name)) => below(module, name),
            _ => return Vec::new(),
        };
        while let Some((name, further)) = rest.split_first() {
            if name == "super" {
                at = parent(&at);
            } else if name != "self" {
                let imported = self.imported(&at, name, further, depth);
                let child = below(&at, name);
                let is_module = self.modules.contains_key(&child);
                if !imported.is_empty() && (!is_module || further.is_empty()) {
                    let pass = |leads: Vec<ModulePath>| [at.clone()].into_iter().chain(leads).collect();
                    return imported.into_iter().map(pass).collect();
                }
                if !is_module {
                    break;
                }
                at = child;
            }
            rest = further;
        }
        vec![vec![at]]
    }

    /// Where `name`, with what follows it, leads by the imports of `module`.
    fn imported(
        &self,
        module: &[String],
        name: &str,
        further: &[String],
        depth: usize,
    ) -> Vec<Vec<ModulePath>> {
        let imports = self.imports.get(module).map(Vec::as_slice).unwrap_or_default();
        let path = |named: &Named, rest: &[String]| -> Vec<String> {
            named.path.iter().chain(rest).cloned().collect()
        };
        let explicit = imports.iter().filter(|named| named.import.as_deref() == Some(name));
        let mut leads: Vec<_> =
            explicit.flat_map(|named| self.lead(module, &path(named, further), depth + 1)).collect();
        if leads.is_empty() {
            for named in imports.iter().filter(|named| named.import.as_deref() == Some("*")) {
                let whole = [&[name.to_owned()], further].concat();
                let found = self.lead(module, &path(named, &whole), depth + 1);
                leads.extend(
                    found
                        .into_iter()
                        .filter(|lead| lead.last().is_some_and(|module| self.declares(module, name))),
                );
            }
        }
        leads
    }

    fn declares(&self, module: &[String], name: &str) -> bool {
        let names = self.modules.get(module).and_then(|index| self.names.get(*index));
        names.is_some_and(|names| names.items.contains(name))
    }

    fn against_layers(&self, uses: &[Use]) -> Vec<String> {
        let mut found = Vec::new();
        for (index, file) in self.files.iter().enumerate() {
            let folder = module_of(&file.path);
            if self.modules.get(&folder) != Some(&index) {
                continue;
            }
            let Some(layers) = statement(&file.text) else {
                found.extend(folder.is_empty().then(|| format!("{}: states no layers", file.path)));
                continue;
            };
            let layers = layers
                .into_iter()
                .flat_map(|(layer, names)| names.into_iter().map(move |name| (name, layer)));
            let layers: Vec<(String, usize)> = layers.collect();
            found.extend(self.misstated(&file.path, &folder, &layers));
            let layers: BTreeMap<String, usize> = layers.into_iter().collect();
            found.extend(uses.iter().filter_map(|used| self.upward(used, &folder, &layers)));
        }
        found
    }

    /// What is wrong with the statement itself: it names each module below `folder` once, and no other.
    fn misstated(&self, path: &str, folder: &[String], layers: &[(String, usize)]) -> Vec<String> {
        let is_file = |module: &ModulePath| {
            self.modules.get(module).is_some_and(|index| module_of(&self.files[*index].path) == **module)
        };
        let there: BTreeSet<&String> = self
            .modules
            .keys()
            .filter(|module| is_file(module))
            .filter_map(|module| child(module, folder))
            .collect();
        let stated: Vec<&String> = layers.iter().map(|(name, _)| name).collect();
        let missing = there
            .iter()
            .filter(|name| !stated.contains(name))
            .map(|name| format!("{path}: `{name}` is in no layer"));
        let gone = stated
            .iter()
            .filter(|name| !there.contains(*name))
            .map(|name| format!("{path}: there is no module `{name}` to be in a layer"));
        let twice = stated
            .iter()
            .enumerate()
            .filter(|(n, name)| stated.iter().take(*n).any(|other| other == *name))
            .map(|(_, name)| format!("{path}: `{name}` is in two layers"));
        missing.chain(gone).chain(twice).collect()
    }

    /// What is wrong with a use between the modules below `folder`, if anything.
    fn upward(&self, used: &Use, folder: &[String], layers: &BTreeMap<String, usize>) -> Option<String> {
        let by = child(&used.by, folder)?;
        let own = layers.get(by)?;
        let wrong = used.modules.iter().find_map(|module| {
            if module.as_slice() == folder && folder.is_empty() {
                return (used.modules.len() == 1).then(|| "the crate's root, which is above it".to_owned());
            }
            let name = child(module, folder).filter(|name| *name != by)?;
            let layer = layers.get(name)?;
            (layer >= own).then(|| format!("`{name}` of layer {layer}"))
        })?;
        let place = &self.files[used.from].path;
        Some(format!("{place}:{}: `{by}` of layer {own} names {wrong}: `{}`", used.line, used.written))
    }

    /// The circles of files, and of the modules below each folder.
    fn circles(&self, uses: &[Use]) -> Vec<String> {
        let files = uses.iter().filter(|used| !used.is_handed_on && used.from != used.to);
        let files = files.map(|used| (used.from, used.to, used)).collect::<Vec<_>>();
        let mut found = self.circles_of(&files);
        let folders: BTreeSet<ModulePath> = self.modules.keys().map(|module| parent(module)).collect();
        for folder in folders {
            let pairs = uses.iter().flat_map(|used| used.modules.iter().map(move |module| (used, module)));
            let siblings = pairs.filter_map(|(used, module)| {
                Some((child(&used.by, &folder)?, child(module, &folder)?, used))
                    .filter(|(by, of, _)| by != of)
            });
            found.extend(self.circles_of(&siblings.collect::<Vec<_>>()));
        }
        found.sort();
        found.dedup();
        found
    }

    fn circles_of<T: Ord + Clone>(&self, uses: &[(T, T, &Use)]) -> Vec<String> {
        let mut next: BTreeMap<&T, BTreeSet<&T>> = BTreeMap::new();
        for (from, to, _) in uses {
            next.entry(from).or_default().insert(to);
        }
        let reached: BTreeMap<&T, BTreeSet<&T>> =
            next.keys().map(|from| (*from, reach(*from, &next))).collect();
        let leads = |from: &T, to: &T| reached.get(from).is_some_and(|reached| reached.contains(to));
        let mut circles: BTreeMap<BTreeSet<&T>, Vec<String>> = BTreeMap::new();
        for (from, to, used) in uses.iter().filter(|(from, to, _)| leads(to, from)) {
            let mut circle: BTreeSet<&T> =
                reached.get(from).into_iter().flatten().copied().filter(|other| leads(other, from)).collect();
            circle.insert(to);
            let [by, of] = [used.from, used.to].map(|index| &self.files[index].path);
            circles
                .entry(circle)
                .or_default()
                .push(format!("{by}:{} names {of}: `{}`", used.line, used.written));
        }
        circles.into_values().map(|arrows| format!("a circle:\n    {}", arrows.join("\n    "))).collect()
    }
}

fn reach<'names, T: Ord>(
    from: &'names T,
    next: &BTreeMap<&'names T, BTreeSet<&'names T>>,
) -> BTreeSet<&'names T> {
    let mut reached = BTreeSet::new();
    let mut ahead = vec![from];
    while let Some(at) = ahead.pop() {
        ahead.extend(next.get(at).into_iter().flatten().copied().filter(|to| reached.insert(*to)));
    }
    reached
}

/// The module of the file `path`, which is below `src`.
fn module_of(path: &str) -> ModulePath {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    match parts.split_last() {
        Some((last, folders)) if last == "mod" => folders.to_vec(),
        Some((last, [])) if last == "lib" || last == "main" => Vec::new(),
        _ => parts,
    }
}

fn parent(module: &[String]) -> ModulePath {
    module.split_last().map(|(_, parent)| parent.to_vec()).unwrap_or_default()
}

/// The name of the module directly below `folder` on the way to `module`.
fn child<'module>(module: &'module [String], folder: &[String]) -> Option<&'module String> {
    module.strip_prefix(folder)?.first()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "//! A crate.\n//!\n//! ```text\n//! layers, each naming only those below it\n//! 3 top\n//! 2 middle\n//!   aside\n//! 1 low\n//! ```\n";

    /// What is found in a crate with these files besides its root, whose page is [`PAGE`]. Modules of the page that have
    /// no file here are empty.
    fn found(files: &[(&str, &str)]) -> String {
        let mut all = vec![("lib.rs", PAGE)];
        for (name, path) in [("top", "top/"), ("middle", "middle/"), ("aside", "aside/"), ("low", "low/")] {
            let file =
                ["top.rs", "middle.rs", "aside.rs", "low.rs"].into_iter().find(|file| file.starts_with(name));
            if !files.iter().any(|(given, _)| given.starts_with(path) || Some(*given) == file) {
                all.extend(file.map(|file| (file, "")));
            }
        }
        all.extend(files);
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        violations(&all.iter().map(file).collect::<Vec<_>>()).join("\n")
    }

    fn finds(files: &[(&str, &str)], expected: &str) {
        let found = found(files);
        assert!(found.contains(expected), "found only: {found:?}");
    }

    #[test]
    fn what_goes_downward_is_in_order() {
        let files = [
            ("top/mod.rs", "mod a;\npub use a::A;\npub struct T;"),
            (
                "top/a.rs",
                "use super::T;\nuse crate::{low::{self, L}, middle::M};\npub struct A(crate::aside::X);",
            ),
            ("middle.rs", "use crate::low::*; pub struct M;\n#[cfg(test)]\nmod tests { use crate::top::A; }"),
            ("aside.rs", "#[serde(with = \"crate::low::bytes\")] struct X;"),
            ("low.rs", "pub struct L; pub mod bytes { use super::L; }"),
        ];
        assert_eq!(found(&files), "");
    }

    #[test]
    fn an_import_from_above_is_found() {
        finds(
            &[("low.rs", "\nuse crate::middle::M;")],
            "low.rs:2: `low` of layer 1 names `middle` of layer 2: `crate::middle::M`",
        );
        finds(&[("low.rs", "use super::top as t;")], "`low` of layer 1 names `top` of layer 3: `super::top`");
        finds(
            &[("low.rs", "pub(crate) use crate::top::*;")],
            "`low` of layer 1 names `top` of layer 3: `crate::top`",
        );
    }

    #[test]
    fn an_import_from_beside_is_found() {
        finds(&[("middle.rs", "use crate::aside::X;")], "`middle` of layer 2 names `aside` of layer 2");
    }

    #[test]
    fn an_import_from_above_is_found_in_nested_groups_over_several_lines() {
        let text = "use crate::{\n    low::{self, L},\n    middle::{\n        self, // one\n        deep::{M as N},\n    },\n};";
        finds(
            &[("low.rs", text)],
            "low.rs:5: `low` of layer 1 names `middle` of layer 2: `crate::middle::deep::M`",
        );
    }

    #[test]
    fn an_import_from_above_is_found_by_whatever_way_it_goes_up() {
        let deep = [
            ("low/mod.rs", "mod a;"),
            ("low/a/mod.rs", "mod b;"),
            ("low/a/b.rs", "use super::super::super::top::T;"),
        ];
        finds(&deep, "low/a/b.rs:1: `low` of layer 1 names `top` of layer 3");
        let inline = "mod inner { fn f() { super::super::middle::g() } }";
        finds(&[("low.rs", inline)], "low.rs:1: `low` of layer 1 names `middle` of layer 2");
        finds(&[("low.rs", "use self::super::middle::M;")], "`low` of layer 1 names `middle` of layer 2");
    }

    #[test]
    fn a_path_in_code_from_above_is_found() {
        finds(
            &[("low.rs", "fn f() {\n    if crate::top::g() {}\n}")],
            "low.rs:2: `low` of layer 1 names `top` of layer 3",
        );
        finds(
            &[("low.rs", "struct S(Vec<super::middle::M>);")],
            "`low` of layer 1 names `middle` of layer 2",
        );
        finds(
            &[("low.rs", "#[serde(with = \"crate::top::bytes\")] struct S;")],
            "`low` of layer 1 names `top` of layer 3",
        );
        finds(
            &[("low.rs", "macro_rules! m { () => { $crate::top::g() } }")],
            "`low` of layer 1 names `top` of layer 3",
        );
    }

    #[test]
    fn what_a_lower_layer_hands_on_from_above_is_found_at_both() {
        let files = [("low.rs", "pub use crate::top::T;"), ("middle.rs", "use crate::low::T;")];
        finds(&files, "low.rs:1: `low` of layer 1 names `top` of layer 3");
        finds(&files, "middle.rs:1: `middle` of layer 2 names `top` of layer 3: `crate::low::T`");
    }

    #[test]
    fn an_item_of_the_root_is_above_all() {
        finds(&[("top.rs", "use crate::Thing;")], "`top` of layer 3 names the crate's root");
        assert_eq!(found(&[("top.rs", "use crate::low;")]), "");
    }

    #[test]
    fn two_files_that_name_each_other_are_found() {
        let files = [
            ("top/mod.rs", "mod a; mod b;"),
            ("top/a.rs", "use super::b::B;"),
            ("top/b.rs", "fn f() { super::a::g() }"),
        ];
        finds(
            &files,
            "a circle:\n    top/a.rs:1 names top/b.rs: `super::b::B`\n    top/b.rs:1 names top/a.rs: `super::a::g`",
        );
    }

    #[test]
    fn a_folder_and_its_file_that_name_each_other_are_found() {
        let files =
            [("top/mod.rs", "mod a;\npub struct T;\nfn f() { a::g() }"), ("top/a.rs", "use super::T;")];
        finds(
            &files,
            "a circle:\n    top/mod.rs:3 names top/a.rs: `a::g`\n    top/a.rs:1 names top/mod.rs: `super::T`",
        );
        let files = [("top/mod.rs", "mod a;\npub use a::A;\npub struct T(A);"), files[1]];
        finds(&files, "top/mod.rs:2 names top/a.rs: `a::A`");
    }

    #[test]
    fn a_circle_through_what_is_handed_on_is_found() {
        for handed_on in ["pub use b::B;", "pub(super) use b::*;", "use b::B;"] {
            let module = format!("mod a; mod b; {handed_on}");
            let files = [
                ("top/mod.rs", module.as_str()),
                ("top/a.rs", "use super::B;"),
                ("top/b.rs", "use super::a; pub struct B;"),
            ];
            finds(&files, "top/a.rs:1 names top/b.rs: `super::B`");
        }
    }

    #[test]
    fn two_folders_that_name_each_other_are_found_though_no_files_do() {
        let files = [
            ("top/mod.rs", "mod a; mod b;"),
            ("top/a/mod.rs", "mod x; mod y;"),
            ("top/a/x.rs", "use crate::top::b::z::Z;"),
            ("top/a/y.rs", ""),
            ("top/b/mod.rs", "mod z; mod w;"),
            ("top/b/z.rs", ""),
            ("top/b/w.rs", "use super::super::a::y::Y;"),
        ];
        finds(
            &files,
            "a circle:\n    top/a/x.rs:1 names top/b/z.rs: `crate::top::b::z::Z`\n    top/b/w.rs:1 names top/a/y.rs",
        );
    }

    #[test]
    fn a_folder_may_state_layers_of_its_own() {
        let page = "//! ```text\n//! layers of top\n//! 2 b\n//! 1 a\n//! ```\nmod a; mod b;";
        let files = [("top/mod.rs", page), ("top/a.rs", "use super::b::B;"), ("top/b.rs", "")];
        finds(&files, "top/a.rs:1: `a` of layer 1 names `b` of layer 2");
    }

    #[test]
    fn what_the_page_states_is_what_there_is() {
        finds(&[("more.rs", "")], "lib.rs: `more` is in no layer");
        let page = PAGE.replace("1 low", "1 low gone top");
        let all =
            [("lib.rs", page.as_str()), ("top.rs", ""), ("middle.rs", ""), ("aside.rs", ""), ("low.rs", "")];
        let files = all.map(|(path, text)| File { path: path.to_owned(), text: text.to_owned() });
        let found = violations(&files);
        assert_eq!(
            found,
            ["lib.rs: there is no module `gone` to be in a layer", "lib.rs: `top` is in two layers"]
        );
        let files = [File { path: "main.rs".to_owned(), text: "//! A crate.".to_owned() }];
        assert_eq!(violations(&files), ["main.rs: states no layers"]);
    }
}
