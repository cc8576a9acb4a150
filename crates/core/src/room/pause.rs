//! What the annotation `ivschat-operator.io/paused` asks for.

use std::fmt;

use crate::api::names::PAUSED_ANNOTATION;

use super::desired::quoted;

/// A person has asked the operator to change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pause {
    /// The value is true.
    Asked,
    /// The value, cut and quoted here, is neither true nor false. Changes stop, because that can be undone.
    Unreadable(String),
}

impl Pause {
    /// Reads the annotation's value, in each spelling of a boolean that Kubernetes accepts.
    pub fn read(value: &str) -> Option<Self> {
        match value {
            "0" | "f" | "F" | "false" | "False" | "FALSE" => None,
            "1" | "t" | "T" | "true" | "True" | "TRUE" => Some(Self::Asked),
            _ => Some(Self::Unreadable(quoted(value))),
        }
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => write!(
                f,
                "The annotation {PAUSED_ANNOTATION} stops changes; remove it to go on"
            ),
            Self::Unreadable(value) => write!(
                f,
                "The annotation {PAUSED_ANNOTATION} has the value {value}, which is neither true nor false. Changes are stopped \
                 until it says \"false\" or is removed"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_of_kubernetes_booleans_is_read_and_anything_else_stops_changes_and_says_so() {
        for value in ["1", "t", "T", "true", "True", "TRUE"] {
            assert_eq!(Pause::read(value), Some(Pause::Asked), "{value}");
        }
        for value in ["0", "f", "F", "false", "False", "FALSE"] {
            assert_eq!(Pause::read(value), None, "{value}");
        }
        for value in ["", "yes", "no", " true", "tRUE", "on", "2026-11-29"] {
            let pause = Pause::read(value).unwrap();
            let told = format!("has the value {value:?}, which is neither true nor false");
            assert!(pause.to_string().contains(&told), "{pause}");
        }
        let long = Pause::read(&"x\n".repeat(10_000)).unwrap().to_string();
        assert!(long.len() < 400 && !long.contains('\n'), "{long}");
    }
}
