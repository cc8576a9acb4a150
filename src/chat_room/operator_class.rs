//! Which ChatRooms are this operator's. A label divides those of a cluster among several operators.

use std::fmt;
use std::str::FromStr;

use ivschat_core::api::names::CLASS_LABEL;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The class of an operator: 1 to 63 of a-z 0-9 -, so that it can stand in a label and in a Lease's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorClass(String);

/// The text cannot be a class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a class has 1 to 63 of a-z 0-9 -, and no - at either end; found {0:?}")]
pub struct InvalidOperatorClass(String);

impl FromStr for OperatorClass {
    type Err = InvalidOperatorClass;

    fn from_str(text: &str) -> Result<Self, InvalidOperatorClass> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let whole = !text.starts_with('-') && !text.ends_with('-');
        if (1..=63).contains(&text.len()) && text.chars().all(allowed) && whole {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidOperatorClass(text.to_owned()))
        }
    }
}

impl fmt::Display for OperatorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The label selector of the objects that are this class's; `None`: of those without a class.
pub(super) fn selector(class: Option<&OperatorClass>) -> String {
    match class {
        Some(class) => format!("{CLASS_LABEL}={class}"),
        None => format!("!{CLASS_LABEL}"),
    }
}

/// What the selector selects.
pub(super) fn is_own(class: Option<&OperatorClass>, object: &ObjectMeta) -> bool {
    let labels = object.labels.as_ref();
    let label = labels.and_then(|labels| labels.get(CLASS_LABEL));
    label.map(String::as_str) == class.map(|class| class.0.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_can_stand_in_a_label_and_in_the_name_of_a_lease() {
        for class in ["a", "blue", "team-7", &"x".repeat(63)] {
            assert_eq!(class.parse::<OperatorClass>().unwrap().to_string(), class);
        }
        for class in [
            "",
            "A",
            "a_b",
            "a.b",
            "-a",
            "a-",
            "a,b",
            "ä",
            &"x".repeat(64),
        ] {
            assert!(class.parse::<OperatorClass>().is_err(), "{class}");
        }
    }

    #[test]
    fn an_object_without_a_class_is_of_no_operator_with_one_and_the_other_way_round() {
        let blue: OperatorClass = "blue".parse().unwrap();
        let labelled = |value: Option<&str>| ObjectMeta {
            labels: value.map(|value| [(CLASS_LABEL.to_owned(), value.to_owned())].into()),
            ..ObjectMeta::default()
        };
        for (label, of_blue, of_none) in [
            (None, false, true),
            (Some("blue"), true, false),
            (Some("green"), false, false),
            (Some(""), false, false),
        ] {
            let object = labelled(label);
            assert_eq!(is_own(Some(&blue), &object), of_blue, "{label:?}");
            assert_eq!(is_own(None, &object), of_none, "{label:?}");
        }
    }
}
