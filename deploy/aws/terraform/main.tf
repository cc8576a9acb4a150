# The IAM role of ivschat-operator, for EKS Pod Identity or for IAM roles for service accounts (IRSA). Its permissions are those
# of ../policy.json.

terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.31"
    }
  }
}

variable "cluster_id" {
  description = "The operator's --cluster-id (chart value clusterId). By default it is the UID of the namespace kube-system."
  type        = string
}

variable "room_region" {
  description = "The AWS region of the rooms. For several regions see ../README.md."
  type        = string
}

variable "name" {
  description = "Name of the role and the policy."
  type        = string
  default     = "ivschat-operator"
}

variable "namespace" {
  description = "The operator's namespace."
  type        = string
  default     = "ivschat-operator"
}

variable "service_account" {
  description = "The operator's service account."
  type        = string
  default     = "ivschat-operator"
}

variable "eks_cluster" {
  description = "Pod Identity: name of the EKS cluster, whose add-on eks-pod-identity-agent must be installed. Null: IRSA."
  type        = string
  default     = null
}

variable "oidc_provider" {
  description = "IRSA: the cluster's OIDC issuer without https://, registered in IAM as a provider. Null: Pod Identity."
  type        = string
  default     = null
}

data "aws_caller_identity" "current" {}

locals {
  pod_identity = {
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "pods.eks.amazonaws.com" }
      Action    = ["sts:AssumeRole", "sts:TagSession"]
    }]
  }
  irsa = {
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Principal = {
        Federated = "arn:aws:iam::${data.aws_caller_identity.current.account_id}:oidc-provider/${coalesce(var.oidc_provider, "none")}"
      }
      Action = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${coalesce(var.oidc_provider, "none")}:aud" = "sts.amazonaws.com"
          "${coalesce(var.oidc_provider, "none")}:sub" = "system:serviceaccount:${var.namespace}:${var.service_account}"
        }
      }
    }]
  }
}

resource "aws_iam_policy" "operator" {
  name = var.name
  policy = templatefile("${path.module}/../policy.json", {
    CLUSTER_ID = var.cluster_id
    ACCOUNT    = data.aws_caller_identity.current.account_id
    REGION     = var.room_region
  })
}

resource "aws_iam_role" "operator" {
  name               = var.name
  assume_role_policy = var.oidc_provider == null ? jsonencode(local.pod_identity) : jsonencode(local.irsa)
}

resource "aws_iam_role_policy_attachment" "operator" {
  role       = aws_iam_role.operator.name
  policy_arn = aws_iam_policy.operator.arn
}

resource "aws_eks_pod_identity_association" "operator" {
  count           = var.eks_cluster == null ? 0 : 1
  cluster_name    = var.eks_cluster
  namespace       = var.namespace
  service_account = var.service_account
  role_arn        = aws_iam_role.operator.arn
}

output "role_arn" {
  description = "IRSA: the annotation eks.amazonaws.com/role-arn of the operator's service account."
  value       = aws_iam_role.operator.arn
}
