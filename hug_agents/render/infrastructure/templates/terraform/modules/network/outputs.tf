output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Its address range."
  value       = aws_vpc.this.cidr_block
}

output "private_subnet_ids" {
  description = "Where tasks and data live: no address on the internet."
  value       = [for zone in local.zones : aws_subnet.private[zone].id]
}

output "public_subnet_ids" {
  description = "Where the public load balancer and the NAT gateways live."
  value       = [for zone in local.zones : aws_subnet.public[zone].id]
}
