//! Reads the pages of the repository.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Component, Path, PathBuf};

use regex::Regex;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page of the repository, relative to it.
pub(crate) fn pages() -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::new()];
    let mut pages = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = folder.join(&name);
            if entry.file_type().unwrap().is_dir() {
                if !["target", "node_modules", ".git", ".venv"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// What stands in a page's fences of a language; they may be indented.
pub(crate) fn blocks(page: &Path, language: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let fence = Regex::new(&format!(r"(?ms)^( *)```{language}\n(.*?)^ *```$")).unwrap();
    let blocks = fence.captures_iter(&text);
    blocks
        .map(|found| {
            let lines = found[2].lines();
            let lines = lines.map(|line| line.strip_prefix(&found[1]).unwrap_or(line));
            lines.collect::<Vec<_>>().join("\n")
        })
        .collect()
}

/// A page without what is code.
pub(crate) fn prose(text: &str) -> String {
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Where the links and pictures of a page lead.
pub(crate) fn links_in(prose: &str) -> Vec<String> {
    let code = Regex::new("`[^`\n]*`").unwrap();
    let prose = code.replace_all(prose, "code");
    let link = Regex::new(r"\]\((?:<([^>]+)>|([^()\s]+))\)").unwrap();
    link.captures_iter(&prose)
        .map(|found| found.get(1).or(found.get(2)).unwrap().as_str().to_owned())
        .collect()
}

/// The anchors that GitHub makes of a page's headings.
pub(crate) fn anchors_of(page: &Path) -> BTreeSet<String> {
    let text = prose(&fs::read_to_string(root().join(page)).unwrap_or_default());
    let mut seen = HashMap::new();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let slug = slug(heading.trim_start_matches('#').trim());
            let times = seen
                .entry(slug.clone())
                .and_modify(|it| *it += 1)
                .or_insert(0);
            if *times == 0 {
                slug
            } else {
                format!("{slug}-{times}")
            }
        })
        .collect()
}

pub(crate) fn slug(heading: &str) -> String {
    let link = Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap();
    let kept = link.replace_all(heading, "$1").to_lowercase();
    let kept = kept
        .chars()
        .filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    kept.collect::<String>().replace(' ', "-")
}

/// A path without `..`.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

/// From a heading to the next of its level.
pub(crate) fn chapter<'a>(text: &'a str, heading: &str) -> &'a str {
    let after = text
        .split_once(&format!("{heading}\n"))
        .unwrap_or_else(|| panic!("no {heading}"))
        .1;
    after.split("\n## ").next().unwrap()
}

/// The rows of the tables in a text, without their heads; a cell's `\|` is a bar.
pub(crate) fn rows(text: &str) -> Vec<Vec<String>> {
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| `") || line.starts_with("| [`"));
    rows.map(|row| {
        let row = row.trim_matches('|').replace("\\|", "\u{1}");
        row.split('|')
            .map(|cell| cell.trim().replace('\u{1}', "|"))
            .collect()
    })
    .collect()
}

/// A cell that is code, or a link around code, without its marks.
pub(crate) fn bare(cell: &str) -> String {
    let link = Regex::new(r"\[([^\]]*)\]\([^)]*\)").unwrap();
    link.replace_all(cell, "$1").replace('`', "")
}
