/** Where people keep keys and logins: each holds a secret in the home of the daemon's user. */
export const keyPlaces = [
  [
    '.ssh/id_ed25519',
    '.aws/credentials',
    '.config/gcloud/credentials.db',
    '.azure/token.json',
    '.netrc',
    '.git-credentials',
    '.config/gh/hosts.yml',
  ],
  ['.npmrc', '.pypirc', '.docker/config.json', '.kube/config', '.gnupg/private.key', '.password-store/mail.gpg', '.vault-token', '.pgpass'],
  [
    '.codex/auth.json',
    '.claude/.credentials.json',
    '.claude.json',
    '.gemini/oauth_creds.json',
    '.local/share/opencode/auth.json',
    '.qwen/oauth_creds.json',
  ],
  ['.local/share/keyrings/login.keyring', '.mozilla/firefox/a.default/logins.json', '.config/google-chrome/Default/Login', '.bash_history'],
  ['Documents/letter.txt', '.env'],
].flat()
