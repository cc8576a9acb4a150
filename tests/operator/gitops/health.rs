//! How GitOps tools judge an object: Argo CD by `deploy/argocd/health.lua`, Flux by kstatus.

use kube::Resource;
use mlua::serde::ser::Options;
use mlua::{Lua, LuaSerdeExt, StdLib, Table};
use serde::Serialize;
use serde_json::Value;

pub const HEALTH: &str = include_str!("../../../deploy/argocd/health.lua");

/// Status and message by Argo CD's health check, run as Argo CD does: Lua 5.1, no library but the basic one and tables.
pub fn argo(object: &impl Serialize) -> (String, String) {
    let lua = Lua::new_with(StdLib::TABLE, mlua::LuaOptions::default()).unwrap();
    // Argo CD has no null: what is null is not there.
    let options = Options::new()
        .serialize_none_to_null(false)
        .serialize_unit_to_null(false);
    let object = lua.to_value_with(object, options).unwrap();
    lua.globals().set("obj", object).unwrap();
    let health: Table = lua.load(HEALTH).eval().unwrap();
    (
        health.get("status").unwrap(),
        health.get("message").unwrap(),
    )
}

/// kstatus for a kind that it has no rules of its own for, as sigs.k8s.io/cli-utils computes it: deletion first, then the
/// generation, then the conditions `Reconciling` and `Stalled`, then `Ready`; without any of these, `Current`.
pub fn kstatus(object: &(impl Resource + Serialize)) -> &'static str {
    let object = serde_json::to_value(object).unwrap();
    let (metadata, status) = (&object["metadata"], &object["status"]);
    if metadata["deletionTimestamp"].is_string() {
        return "Terminating";
    }
    let observed = &status["observedGeneration"];
    if observed.is_i64() && *observed != metadata["generation"] {
        return "InProgress";
    }
    let none = Vec::new();
    let conditions = status["conditions"].as_array().unwrap_or(&none);
    let text =
        |condition: &Value, member: &str| condition[member].as_str().unwrap_or_default().to_owned();
    for condition in conditions {
        match (
            text(condition, "type").as_str(),
            text(condition, "status").as_str(),
        ) {
            ("Reconciling", "True") => return "InProgress",
            ("Stalled", "True") => return "Failed",
            _ => {}
        }
    }
    let ready = conditions.iter().find(|it| text(it, "type") == "Ready");
    match ready.map(|it| text(it, "status")).as_deref() {
        Some("False" | "Unknown") => "InProgress",
        _ => "Current",
    }
}
