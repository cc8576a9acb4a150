-- Argo CD's health of a ChatRoom (ivschat-operator.io). Argo CD gives it the object as `obj`; it uses no library.
local hs = {status = "Progressing", message = "Waiting for ivschat-operator to look at the object"}
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local ready, synced, stalled = conditions.Ready, conditions.Synced, conditions.Stalled

if obj.metadata.deletionTimestamp ~= nil then
  hs.message = (ready and ready.message) or "Being deleted"
  return hs
end

-- The status speaks of an earlier spec, or of none (-1).
if status.observedGeneration ~= obj.metadata.generation or ready == nil then
  return hs
end

if stalled ~= nil and stalled.status == "True" then
  hs.status = "Degraded"
  hs.message = stalled.reason .. ": " .. stalled.message
elseif synced ~= nil and (synced.reason == "Paused" or synced.reason == "Released") then
  hs.status = "Suspended"
  hs.message = synced.message
elseif ready.status == "True" then
  hs.status = "Healthy"
  hs.message = ready.message
  if synced ~= nil and synced.status == "False" then
    -- The room is as it was when it was last seen.
    hs.message = ready.message .. "; " .. synced.reason .. ": " .. synced.message
  end
elseif ready.reason == "Drifted" then
  -- Only observed: nothing brings it back but a person.
  hs.status = "Degraded"
  hs.message = ready.message
else
  hs.message = ready.reason .. ": " .. ready.message
end
return hs
