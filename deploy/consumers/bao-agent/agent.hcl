# Vault Agent (`vault agent -config=agent.hcl`) or OpenBao's (`bao agent -config=agent.hcl`): logs in as the consumer,
# keeps the token in a file, and tells the consumer when it has changed. The role has deploy/vault/consumer.hcl as its
# policy and nothing else.

vault {
  address = "https://vault.example.com:8200"
}

auto_auth {
  method "approle" {
    mount_path = "auth/approle"
    config = {
      role_id_file_path                   = "/etc/motherduck/role-id"
      secret_id_file_path                 = "/etc/motherduck/secret-id"
      remove_secret_id_file_after_reading = false
    }
  }
}

template_config {
  # A KV secret has no lease, so the agent asks for it at this interval (5m if absent).
  static_secret_render_interval = "30s"
  exit_on_retry_failure         = false
}

# The token and its ID in one file, so that the consumer can tell pintail's gate which one it is connected with
# (../files/consumer.py does). It changes only when the token does.
template {
  destination = "/run/motherduck/token.json"
  perms       = "0600"
  contents    = <<-EOT
    {{ with secret "secret/data/motherduck/etl-prod" -}}
    { "motherduck_token": {{ .Data.data.motherduck_token | toJSON }}, "token_id": {{ .Data.data.token_id | toJSON }} }
    {{ end }}
  EOT
}

# The bare token, for programs that read nothing else, and the restart that they need. A consumer that watches a file
# needs neither.
template {
  destination = "/run/motherduck/token"
  perms       = "0600"
  contents    = "{{ with secret \"secret/data/motherduck/etl-prod\" }}{{ .Data.data.motherduck_token }}{{ end }}"

  # Runs after each change, the first one included.
  exec {
    command = ["/usr/bin/systemctl", "try-restart", "etl_prod.service"]
    timeout = "30s"
  }
}
