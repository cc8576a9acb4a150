//! The documentation says what the code does: links lead somewhere, and its lists are the code's.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod markdown;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::time::Duration;

use clap::CommandFactory;
use ivschat_core::api::{ChatRoom, Reason};
use ivschat_core::room::{DesiredRoom, FailureClass, Origin};
use ivschat_operator::cli::Cli;
use regex::Regex;

use markdown::{
    anchors_of, bare, blocks, chapter, links_in, normal, page, pages, prose, root, rows, slug,
};

#[test]
fn every_relative_link_leads_to_a_file_and_every_anchor_to_a_heading() {
    let pages = pages();
    assert!(pages.len() > 10, "{pages:?}");
    let mut anchors = HashMap::new();
    let mut links = 0;
    let mut broken = Vec::new();
    for page in &pages {
        let text = prose(&fs::read_to_string(root().join(page)).unwrap());
        for link in links_in(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            if path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            links += 1;
            let target = match path {
                "" => page.clone(),
                _ => normal(&page.parent().unwrap().join(path)),
            };
            if !root().join(&target).exists() {
                broken.push(format!("{}: no file {link}", page.display()));
            } else if !anchor.is_empty() {
                let known = anchors
                    .entry(target.clone())
                    .or_insert_with(|| anchors_of(&target));
                if !known.contains(anchor) {
                    broken.push(format!("{}: no heading {link}", page.display()));
                }
            }
        }
    }
    assert_eq!(broken, [""; 0]);
    assert!(links > 100, "{links} links");
}

#[test]
fn every_file_that_a_command_names_is_there() {
    let path = Regex::new(
        r"(?m)(?:^|[\s=:'(])((?:charts|config|crds|deploy|docs|emulator|examples|hack)/[\w./-]*)",
    )
    .unwrap();
    let mut named = 0;
    for page in pages() {
        for block in blocks(&page, "console") {
            for found in path.captures_iter(&block) {
                named += 1;
                let file = found[1].trim_end_matches('.');
                assert!(root().join(file).exists(), "{}: {file}", page.display());
            }
        }
    }
    assert!(named > 10, "{named}");
}

#[test]
fn commands_can_be_pasted_as_they_are() {
    let mut commands = 0;
    for page in pages() {
        for block in ["console", "sh", "bash"]
            .map(|it| blocks(&page, it))
            .concat()
        {
            commands += 1;
            assert!(
                !block.lines().any(|line| line.starts_with("$ ")),
                "{}: {block}",
                page.display()
            );
        }
    }
    assert!(commands > 30, "{commands}");
}

#[test]
fn every_chat_room_that_is_shown_is_one() {
    let tags = BTreeMap::new();
    let mut shown = 0;
    for page in pages() {
        for text in blocks(&page, "yaml")
            .iter()
            .flat_map(|block| block.split("\n---\n"))
        {
            let object: serde_json::Value = serde_yaml::from_str(text).unwrap();
            if object["kind"] != "ChatRoom" {
                continue;
            }
            shown += 1;
            let room: ChatRoom = serde_json::from_value(object.clone()).unwrap();
            let known = serde_json::to_value(&room).unwrap();
            assert_eq!(
                known["spec"],
                object["spec"],
                "{}: an unknown field",
                page.display()
            );
            let origin = Origin {
                name: object["metadata"]["name"].as_str().unwrap(),
                default_region: "us-west-2",
                fixed_region: None,
                default_tags: &tags,
                ignored_tags: &[],
            };
            let desired = DesiredRoom::try_from((&room.spec, origin));
            assert!(desired.is_ok(), "{}: {desired:?}", page.display());
        }
    }
    assert!(shown >= 3, "{shown}");
}

#[test]
fn every_page_of_the_documentation_is_in_its_index() {
    let index = Path::new("docs/README.md");
    let text = prose(&fs::read_to_string(root().join(index)).unwrap());
    let linked: BTreeSet<_> = links_in(&text)
        .iter()
        .map(|link| normal(&Path::new("docs").join(link.split('#').next().unwrap())))
        .collect();
    for page in pages()
        .iter()
        .filter(|page| page.starts_with("docs") && *page != index)
    {
        assert!(linked.contains(page), "{}", page.display());
    }
}

#[test]
fn every_reason_has_an_entry_and_every_entry_is_a_reason() {
    let text = page("docs/troubleshooting.md");
    let chapter = chapter(&text, "## Reasons");
    let entries = chapter.lines().filter_map(|line| line.strip_prefix("### "));
    let reasons: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(entries.collect::<BTreeSet<_>>(), reasons);
    for reason in reasons {
        let entry = chapter.split(&format!("### {reason}\n")).nth(1).unwrap();
        let entry = entry.split("\n### ").next().unwrap().trim();
        assert!(
            entry.len() > 100,
            "the entry of {reason} says nothing: {entry}"
        );
    }
}

#[test]
fn the_waits_and_what_stalls_are_as_the_code_has_them() {
    let text = page("docs/troubleshooting.md");
    let rows = rows(chapter(&text, "## At a glance"));
    let documented: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (bare(&row[0]), (row[2].clone(), row[3].clone())))
        .collect();
    let reasons: BTreeSet<_> = Reason::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(documented.keys().cloned().collect::<BTreeSet<_>>(), reasons);
    for class in FailureClass::ALL {
        let (waits, stalled) = &documented[class.reason().as_str()];
        let (first, longest) = (class.wait(0), class.wait(30));
        assert!(waits.ends_with(&span(first, longest)), "{class:?}: {waits}");
        assert_eq!(stalled == "yes", class.stalled(), "{class:?}");
    }
    let classes = FailureClass::ALL.map(|class| class.reason().to_string());
    let others = documented
        .iter()
        .filter(|(reason, _)| !classes.contains(reason));
    for (reason, (_, stalled)) in others {
        assert_eq!(stalled, "", "{reason}");
    }
}

#[test]
fn the_table_of_flags_is_that_of_the_program() {
    let text = page("docs/operations.md");
    let rows = rows(chapter(&text, "## Flags and environment"));
    let documented: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (bare(&row[0]), (bare(&row[1]), bare(&row[2]))))
        .collect();
    assert_eq!(documented.len(), rows.len());
    let cli = Cli::command();
    let run = cli.find_subcommand("run").unwrap();
    let mut shown = BTreeSet::new();
    for flag in run.get_arguments().filter(|flag| !flag.is_hide_set()) {
        let name = flag.get_long().unwrap();
        let value = flag.get_value_names().unwrap_or_default().join(" ");
        let many = if flag.get_value_delimiter().is_some() {
            ",…"
        } else {
            ""
        };
        let key = format!("--{name} {value}{many}");
        let (environment, default) = documented
            .get(&key)
            .unwrap_or_else(|| panic!("no row for {key}"));
        // The SDK reads these itself.
        let variable = match name {
            "region" => "AWS_REGION".to_owned(),
            "endpoint-url" => "AWS_ENDPOINT_URL".to_owned(),
            _ => flag.get_env().unwrap().to_string_lossy().into_owned(),
        };
        assert_eq!(*environment, variable, "{key}");
        match flag.get_default_values() {
            [] => assert!(!default.is_empty(), "{key}"),
            values => assert_eq!([default.as_str()], values, "{key}"),
        }
        shown.insert(key);
    }
    assert_eq!(documented.into_keys().collect::<BTreeSet<_>>(), shown);
}

#[test]
fn the_table_of_commands_is_that_of_the_program() {
    let text = page("docs/operations.md");
    let documented: BTreeSet<_> = rows(chapter(&text, "## Commands"))
        .iter()
        .map(|row| bare(&row[0]).split(' ').nth(1).unwrap().to_owned())
        .collect();
    let cli = Cli::command();
    let commands = cli
        .get_subcommands()
        .map(|command| command.get_name().to_owned());
    assert_eq!(documented, commands.collect::<BTreeSet<_>>());
}

#[test]
fn the_api_reference_names_everything_that_stands_on_objects_and_rooms() {
    let names = fs::read_to_string(root().join("crates/core/src/api/names.rs")).unwrap();
    let reference = page("docs/api.md");
    let constants =
        Regex::new(r#"pub const (\w+): &str = "(ivschat-operator\.io/\w[^"]*)";"#).unwrap();
    let found: Vec<_> = constants
        .captures_iter(&names)
        .map(|it| it[2].to_owned())
        .collect();
    assert!(found.len() >= 6, "{found:?}");
    for name in found {
        assert!(reference.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_link_checker_finds_what_is_broken_and_knows_how_anchors_are_made() {
    let text =
        "a [b](c.md#d) `[no](link)`\n```\n[nor](this)\n```\n[![e](f.png)](g)\n[h `i`](<j k>)";
    assert_eq!(links_in(&prose(text)), ["c.md#d", "f.png", "g", "j k"]);
    for (heading, anchor) in [
        ("Whose a room is", "whose-a-room-is"),
        (
            "Terraform: `removed`, and *back*",
            "terraform-removed-and-back",
        ),
        ("A [link](x.md) — here", "a-link--here"),
    ] {
        assert_eq!(slug(heading), anchor);
    }
}

/// As people write it: `2 s to 2 min`, `1 to 30 min`.
fn span(first: Duration, longest: Duration) -> String {
    let written = |time: Duration| match time.as_secs() {
        seconds if seconds % 60 == 0 => (seconds / 60, "min"),
        seconds => (seconds, "s"),
    };
    let ((first, unit), (longest, last)) = (written(first), written(longest));
    if unit == last {
        format!("{first} to {longest} {last}")
    } else {
        format!("{first} {unit} to {longest} {last}")
    }
}
