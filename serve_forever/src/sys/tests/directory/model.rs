//! Random trees of files, directories and links, compared with a model that knows of nothing but
//! names.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use super::{Seen, World, entries, see};
use crate::sys::{Directory, Found, FileKind, Links};

/// As many links as Linux follows; others follow fewer, but these trees have no use for that many
/// unless they go round for ever.
const MOST_LINKS: usize = 40;

/// What links begin with, so that more of them lead somewhere.
const STARTS: &[&[&str]] = &[&[], &["root"], &["alias"], &["outside"], &["..", "root"]];

#[derive(Clone, Debug)]
enum Node {
    File,
    Directory(BTreeMap<&'static str, Node>),
    Link(Target),
}

#[derive(Clone, Debug)]
struct Target {
    /// From the directory of the world; else from the one that the link is in.
    is_absolute: bool,
    steps: Vec<&'static str>,
}

impl Node {
    /// Makes it at `path`, which is `place` below the directory of the world. A file holds the
    /// place where it is.
    fn make(&self, world: &Path, place: &str) {
        let path = world.join(place);
        match self {
            Self::File => fs::write(path, place).unwrap(),
            Self::Directory(nodes) => {
                fs::create_dir_all(path).unwrap();
                for (name, node) in nodes {
                    node.make(world, &format!("{place}/{name}"));
                }
            }
            Self::Link(target) => {
                let start = if target.is_absolute { world } else { Path::new(".") };
                symlink(start.join(target.steps.join("/")), path).unwrap();
            }
        }
    }

    fn at(&self, place: &[&'static str]) -> Option<&Self> {
        place.iter().try_fold(self, |node, name| match node {
            Self::Directory(nodes) => nodes.get(name),
            Self::File | Self::Link(_) => None,
        })
    }

    fn kind(&self) -> FileKind {
        match self {
            Self::File => FileKind::File,
            Self::Directory(_) => FileKind::Directory,
            Self::Link(_) => FileKind::Link,
        }
    }
}

/// Why a path has no place in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    Nowhere,
    /// It leads above the world, where everything may be.
    Beyond,
}

/// Where the steps lead from a place, over all links.
fn resolve(
    world: &Node,
    mut place: Vec<&'static str>,
    steps: &[&'static str],
    links: &mut usize,
) -> Result<Vec<&'static str>, Lost> {
    for step in steps {
        if world.at(&place).map(Node::kind) != Some(FileKind::Directory) {
            return Err(Lost::Nowhere);
        }
        match *step {
            "." => {}
            ".." => {
                place.pop().ok_or(Lost::Beyond)?;
            }
            name => {
                let start = place.clone();
                place.push(name);
                if let Node::Link(target) = world.at(&place).ok_or(Lost::Nowhere)? {
                    *links += 1;
                    if *links > MOST_LINKS {
                        return Err(Lost::Nowhere);
                    }
                    let start = if target.is_absolute { Vec::new() } else { start };
                    place = resolve(world, start, &target.steps, links)?;
                }
            }
        }
    }
    Ok(place)
}

fn expected(world: &Node, steps: &[&'static str], links: Links) -> Result<Vec<&'static str>, Lost> {
    let outcome = resolve(world, vec!["root"], steps, &mut 0);
    match links {
        Links::Anywhere => outcome,
        Links::Inside => outcome.ok().filter(|place| place.starts_with(&["root"])).ok_or(Lost::Nowhere),
    }
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["a", "b", "c"][..])
}

fn target() -> impl Strategy<Value = Target> {
    let step = prop_oneof![4 => name(), 2 => Just(".."), 1 => Just(".")];
    let steps = prop::collection::vec(step, 0..4);
    let start = prop::sample::select(STARTS);
    (steps, start, any::<bool>()).prop_map(|(steps, start, is_absolute)| {
        let mut all = start.to_vec();
        if is_absolute && start.is_empty() {
            all.push("root");
        }
        let is_absolute = is_absolute && start.first() != Some(&"..");
        all.extend(steps);
        Target { is_absolute, steps: all }
    })
}

fn directory() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![1 => Just(Node::File), 3 => target().prop_map(Node::Link)];
    let node = leaf.prop_recursive(3, 24, 3, |node| {
        prop::collection::btree_map(name(), node, 0..4).prop_map(Node::Directory)
    });
    prop::collection::btree_map(name(), node, 1..4).prop_map(Node::Directory)
}

fn check(tree: &Node, world: &World, root: &Directory, steps: &[&'static str]) {
    for links in [Links::Inside, Links::Anywhere] {
        let place = expected(tree, steps, links);
        let expected = match place.as_ref().map(|place| (place.join("/"), tree.at(place))) {
            Err(Lost::Beyond) => continue,
            Err(Lost::Nowhere) => Seen::Nothing,
            Ok((place, Some(Node::File))) => Seen::File(place),
            Ok((place, _)) => Seen::directory(world.path(&place)),
        };
        let path = steps.join("/");
        assert_eq!(see(root, Path::new(&path), links), expected, "{path} {links:?}");
        // In two pieces it must lead to the same.
        let (first, rest) = steps.split_at(1);
        if let Found::Directory(below) = root.find(Path::new(first[0]), links).unwrap() {
            assert_eq!(see(&below, Path::new(&rest.join("/")), links), expected, "{path} {links:?}");
        } else if !rest.is_empty() && expected != Seen::Nothing {
            panic!("{path} {links:?} is found, but not what it is in");
        }
        let Some(Node::Directory(nodes)) = place.ok().and_then(|place| tree.at(&place)) else { continue };
        let Found::Directory(directory) = root.find(Path::new(&path), links).unwrap() else { panic!() };
        let kinds = nodes.iter().map(|(name, node)| ((*name).to_owned(), node.kind())).collect();
        assert_eq!(entries(&directory), kinds);
        for name in nodes.keys() {
            let stamp = directory.stamp_of(OsStr::new(name), links).ok();
            let found = see(&directory, Path::new(name), links);
            assert_eq!(stamp.is_some_and(|stamp| stamp.is_file()), matches!(found, Seen::File(_)));
            assert_eq!(stamp.is_some_and(|stamp| stamp.is_directory()), matches!(found, Seen::Directory(_)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn what_is_found_is_what_is_there_and_inside(
        root in directory(),
        outside in directory(),
        paths in prop::collection::vec(prop::collection::vec(name(), 1..5), 20),
    ) {
        let alias = Node::Link(Target { is_absolute: false, steps: vec!["root"] });
        let tree = Node::Directory([("root", root), ("outside", outside), ("alias", alias)].into());
        let world = World::new();
        let Node::Directory(nodes) = &tree else { unreachable!() };
        for (name, node) in nodes {
            node.make(&world.0, name);
        }
        for root in world.roots() {
            for steps in &paths {
                check(&tree, &world, &root, steps);
            }
        }
    }
}
