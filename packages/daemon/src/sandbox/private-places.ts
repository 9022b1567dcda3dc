import * as path from 'node:path'

const credentials = [
  '.ssh .gnupg .aws .azure .kube .docker .config/gcloud .config/gh .config/glab-cli .config/op .config/rclone .config/sops .oci',
  '.password-store .local/share/keyrings .netrc .git-credentials .config/git/credentials .npmrc .yarnrc.yml .pypirc .config/pip .pip',
  '.cargo/credentials .cargo/credentials.toml .gem/credentials .m2/settings.xml .gradle/gradle.properties .config/composer/auth.json',
  '.composer/auth.json .terraform.d/credentials.tfrc.json .terraformrc .vault-token .pgpass .my.cnf .s3cfg .boto .config/hub .config/doctl',
  '.codex .claude .claude.json .config/claude .gemini .qwen .local/share/opencode .config/opencode .config/github-copilot .config/goose',
  '.mozilla .config/google-chrome .config/chromium .config/BraveSoftware .thunderbird .config/Code .config/Cursor .local/share/kwalletd',
  '.bash_history .zsh_history .local/share/fish .python_history .node_repl_history .psql_history .mysql_history .lesshst .viminfo',
  '.1password .colima .lima .rd .local/share/containers Library/Keychains Library/Cookies',
]

const startups = [
  '.profile .bashrc .bash_profile .bash_login .bash_logout .zshrc .zshenv .zprofile .zlogin .zlogout .config/fish .config/zsh .inputrc',
  '.gitconfig .config/git .hgrc .config/systemd .config/autostart .config/environment.d .pam_environment .xprofile .xsession .xinitrc',
  '.local/bin .local/share/applications .local/share/systemd bin .cargo/bin .cargo/config .cargo/config.toml .vimrc .vim .config/nvim .emacs .emacs.d',
  '.tmux.conf .config/tmux .screenrc .wgetrc .curlrc .gdbinit .config/direnv .vscode .config/codesdkd',
]

/** Where people keep keys, tokens and logins, and what they have typed. */
export function credentialPlaces(home: string): readonly string[] {
  return under(home, credentials)
}

/** What a person's next shell, login or git would run. */
export function startupPlaces(home: string): readonly string[] {
  return under(home, startups)
}

function under(home: string, lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => line.split(' ').map((name) => path.join(home, name)))
}
