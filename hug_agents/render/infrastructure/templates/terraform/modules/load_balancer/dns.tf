# The certificate and the records live in the Route 53 zone that the domain belongs to; it exists before this does.

data "aws_route53_zone" "this" {
  count = local.https ? 1 : 0

  name = var.zone_name
}

resource "aws_acm_certificate" "this" {
  count = local.https ? 1 : 0

  domain_name               = var.hosts[0]
  subject_alternative_names = slice(var.hosts, 1, length(var.hosts))
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  proofs = local.https ? { for option in aws_acm_certificate.this[0].domain_validation_options : option.domain_name => option } : {}
}

resource "aws_route53_record" "validation" {
  for_each = toset(var.hosts)

  zone_id = data.aws_route53_zone.this[0].zone_id
  name    = local.proofs[each.key].resource_record_name
  type    = local.proofs[each.key].resource_record_type
  records = [local.proofs[each.key].resource_record_value]
  ttl     = 60
}

resource "aws_acm_certificate_validation" "this" {
  count = local.https ? 1 : 0

  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

resource "aws_route53_record" "this" {
  for_each = toset(var.hosts)

  zone_id = data.aws_route53_zone.this[0].zone_id
  name    = each.key
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = true
  }
}

resource "aws_route53_zone" "internal" {
  count = var.internal ? 1 : 0

  name = var.internal_zone

  vpc {
    vpc_id = var.vpc_id
  }
}

resource "aws_route53_record" "internal" {
  count = var.internal ? 1 : 0

  zone_id = aws_route53_zone.internal[0].zone_id
  name    = "*.${var.internal_zone}"
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = true
  }
}
