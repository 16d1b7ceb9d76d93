-- Health of a LongshoreModel for Argo CD, in argocd-cm under resource.customizations.health.longshore.dev_LongshoreModel.
local health = {status = "Progressing", message = "No controller has seen it yet."}
if obj.status == nil or obj.status.conditions == nil then
  return health
end
local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  health.message = "No controller has seen its newest spec yet."
elseif obj.spec.paused then
  health = {status = "Suspended", message = obj.status.message}
elseif holds("Stalled") or holds("Degraded") then
  health = {status = "Degraded", message = obj.status.message}
elseif holds("Reconciling") then
  health.message = obj.status.message
elseif holds("Ready") or (conditions.Ready ~= nil and conditions.Ready.reason == "ScaledToZero") then
  health = {status = "Healthy", message = obj.status.message}
else
  health.message = obj.status.message
end
return health
