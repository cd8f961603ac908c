output "name" {
  description = "The bucket's name."
  value       = aws_s3_bucket.this.id
}

output "statements" {
  description = "What a program needs to read and write objects: statements of an IAM policy."
  value = [
    {
      Effect   = "Allow"
      Action   = ["s3:ListBucket", "s3:GetBucketLocation"]
      Resource = [aws_s3_bucket.this.arn]
    },
    {
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
      Resource = ["${aws_s3_bucket.this.arn}/*"]
    },
    {
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = [var.kms_key_arn]
    },
  ]
}
