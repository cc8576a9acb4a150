//! What a patch makes of an object.

use json_patch::Patch;
use serde_json::Value;

use super::refusal::Refusal;
use super::route::Format;

/// A patch that has been read.
#[derive(Debug)]
pub(super) enum Change {
    Merge(Value),
    Json(Patch),
}

impl Change {
    pub(super) fn read(format: Format, body: &[u8]) -> Result<Self, Refusal> {
        let refused = |error: serde_json::Error| match error.classify() {
            // It is JSON, and no patch.
            serde_json::error::Category::Data => Refusal::patch_failed(),
            _ => Refusal::bad_request("invalid JSON patch"),
        };
        match format {
            Format::Merge => {
                let patch: Value = serde_json::from_slice(body).map_err(refused)?;
                if !patch.is_object() {
                    return Err(Refusal::bad_request("invalid JSON patch"));
                }
                Ok(Self::Merge(patch))
            }
            Format::Json => Ok(Self::Json(serde_json::from_slice(body).map_err(refused)?)),
        }
    }

    pub(super) fn apply(&self, object: &mut Value) -> Result<(), Refusal> {
        match self {
            Self::Merge(patch) => json_patch::merge(object, patch),
            Self::Json(patch) => {
                // Whatever was done before it failed is thrown away with the object.
                json_patch::patch_unsafe(object, patch).map_err(|_| Refusal::patch_failed())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(format: Format, patch: &str) -> Result<Value, u16> {
        let mut object = json!({"metadata": {"uid": "u"}, "status": {"arn": "a", "id": "i"}});
        let change = Change::read(format, patch.as_bytes()).map_err(|it| it.code)?;
        change.apply(&mut object).map_err(|it| it.code)?;
        Ok(object["status"].take())
    }

    #[test]
    fn a_patch_merges_or_applies_its_operations_or_is_refused() {
        for (format, patch, wanted) in [
            (
                Format::Merge,
                r#"{"status": {"arn": null, "id": "j"}}"#,
                Ok(json!({"id": "j"})),
            ),
            (Format::Merge, r#"{"status": null}"#, Ok(Value::Null)),
            (Format::Merge, r#"{"status""#, Err(400)),
            (Format::Merge, "[]", Err(400)),
            (
                Format::Json,
                r#"[{"op": "test", "path": "/metadata/uid", "value": "u"}, {"op": "add", "path": "/status", "value": {}}]"#,
                Ok(json!({})),
            ),
            (
                Format::Json,
                r#"[{"op": "test", "path": "/metadata/uid", "value": "v"}]"#,
                Err(422),
            ),
            (
                Format::Json,
                r#"[{"op": "test", "path": "/spec/a/b", "value": "v"}]"#,
                Err(422),
            ),
            (
                Format::Json,
                r#"[{"op": "remove", "path": "/status/x"}]"#,
                Err(422),
            ),
            (
                Format::Json,
                r#"[{"op": "bad", "path": "/status/x"}]"#,
                Err(422),
            ),
            (Format::Json, "[", Err(400)),
        ] {
            assert_eq!(patched(format, patch), wanted, "{patch}");
        }
    }
}
