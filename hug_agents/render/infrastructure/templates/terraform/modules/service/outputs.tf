output "security_group_id" {
  description = "Who the dependencies accept connections from."
  value       = aws_security_group.this.id
}

output "role_arns" {
  description = "The roles that its tasks run as."
  value       = module.task.role_arns
}

output "release" {
  description = "What the deploy script watches: per running slot the ECS service, its task definition, its alarms."
  value = {
    for slot in keys(local.running) : slot => {
      ecs_service     = aws_ecs_service.this[slot].name
      task_definition = module.task.definition_arns[slot]
      image           = var.slots[slot].image
      weight          = var.slots[slot].weight
      alarms = concat(
        local.trigger_alarms[slot],
        local.web && var.objectives.latency_ms != null ? ["${local.ecs_name[slot]}-slow"] : [],
      )
    }
  }
}
