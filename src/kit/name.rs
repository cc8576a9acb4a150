//! The name of an object.

use std::fmt;
use std::sync::Arc;

use kube::ResourceExt;

/// The name of an object and of its namespace. Clones share their text: an operator keeps many of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// `namespace/name`. No namespace has a `/`, so no two names have the same text.
    text: Arc<str>,
    /// How long the namespace is.
    length: usize,
}

impl Name {
    /// The name of this object.
    pub fn of(object: &impl ResourceExt) -> Self {
        let meta = object.meta();
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        Self::new(namespace, meta.name.as_deref().unwrap_or_default())
    }

    /// A name in a namespace.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            text: format!("{namespace}/{name}").into(),
            length: namespace.len(),
        }
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.text[..self.length]
    }

    /// The name in the namespace.
    pub fn name(&self) -> &str {
        &self.text[self.length + 1..]
    }
}

/// As `namespace/name`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
