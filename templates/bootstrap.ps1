# Opens a Windows server to farmhand; printed by `farmhand bootstrap`.
#
# Run it on the server, in an elevated PowerShell: paste it whole, or save it as open.ps1 and run
#   powershell.exe -ExecutionPolicy Bypass -File open.ps1
#
# It can be run again: what is so already is left alone. It lowers no setting: no Basic login, nothing in clear, no
# trusted hosts, no firewall switched off. There is no secret in it.
#
# Accounts that will work: a domain account that is an administrator here, and the built-in Administrator.
{% if winrm %}
# Other local administrators come over WinRM without their rights, unless LocalAccountTokenFilterPolicy is 1;
{% if local_administrators %}
# that was asked for, so it is set: whoever knows such an account's password then is administrator over the network.
{% else %}
# this leaves that policy as it is. To have it set: farmhand bootstrap --winrm --local-administrators.
{% endif %}
{% else %}
# Other local administrators work too: over SSH nothing is taken from their rights.
{% endif %}
& {
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue'

    function Test-Server {
        if ($PSVersionTable.PSVersion.Major -gt 5) { throw 'run this in Windows PowerShell: powershell.exe, not pwsh' }
        $user = [Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()
        # 544 is the group of administrators.
        if (-not $user.IsInRole(544)) { throw 'run this in an elevated PowerShell (Run as administrator)' }
        $os = Get-CimInstance Win32_OperatingSystem
        if ([version]$os.Version -lt [version]{{ version }}) {
            throw ('this is {0}, older than the script is for; farmhand bootstrap takes --windows' -f $os.Caption)
        }
    }

    # The service starts with Windows, and now.
    function Start-Door($name) {
        $service = Get-CimInstance Win32_Service | Where-Object { $_.Name -eq $name }
        if ($service.StartMode -ne {{ start_mode }}) { Set-Service $name -StartupType Automatic }
        if ($service.State -ne {{ state }}) { Start-Service $name }
    }

    # One rule of its own, for this port alone. Profiles and other rules stay as they are.
{% if not from %}
    # Who may connect was not said: anybody where the rule is new, else whoever may already.
{% endif %}
    function Open-Port {
        $rule = @{ Direction = 'Inbound'; Action = 'Allow'; Protocol = 'TCP'; LocalPort = {{ port }} }
        $rule.Enabled = 'True'
{% if from %}
        $rule.RemoteAddress = @({% for one in from %}{{ one }}{% if not loop.last %}, {% endif %}{% endfor %})
{% endif %}
        # Functions of Windows PowerShell do not take Ignore.
        if (Get-NetFirewallRule -Name {{ rule }} -ErrorAction SilentlyContinue) {
            Set-NetFirewallRule -Name {{ rule }} @rule
        } else {
            [void](New-NetFirewallRule -Name {{ rule }} -DisplayName {{ rule_title }} @rule)
        }
    }

{% if winrm %}
    # With a private key, for servers, and not about to expire.
    function Test-Certificate($certificate) {
        if (-not $certificate.HasPrivateKey) { return $false }
        $uses = @($certificate.EnhancedKeyUsageList | ForEach-Object { $_.ObjectId })
        # 1.3.6.1.5.5.7.3.1 is server authentication.
        if ($uses.Count -and $uses -notcontains '1.3.6.1.5.5.7.3.1') { return $false }
        $certificate.NotBefore -le (Get-Date) -and $certificate.NotAfter -gt (Get-Date).AddDays({{ days_left }})
    }

    function Get-Listener {
        $listeners = @(Get-WSManInstance -ResourceURI 'winrm/config/listener' -Enumerate)
        $listeners | Where-Object { $_.Transport -eq {{ transport }} -and $_.Address -eq {{ address }} }
    }

{% if thumbprint is not none %}
    # The certificate that was named by its thumbprint.
    function Get-Certificate {
        $store = Get-ChildItem 'Cert:\LocalMachine\My'
        $found = @($store | Where-Object { $_.Thumbprint -eq {{ thumbprint }} })
        if (-not $found.Count) { throw 'no certificate in LocalMachine\My has the thumbprint that was given' }
        if (-not (Test-Certificate $found[0])) {
            throw 'the certificate has no private key, is not for servers, or has expired or soon will'
        }
        $found[0]
    }
{% elif subject is not none %}
    # The certificate made out to the name that was given; of several the one that lasts longest.
    function Get-Certificate {
        $named = Get-ChildItem 'Cert:\LocalMachine\My' | Where-Object {
            @($_.DnsNameList | ForEach-Object { $_.Unicode }) -contains {{ subject }} -and (Test-Certificate $_)
        }
        $found = @($named | Sort-Object NotAfter -Descending)
        if (-not $found.Count) {
            throw 'no certificate in LocalMachine\My is for that name, with a private key, for servers, and valid'
        }
        $found[0]
    }
{% else %}
    # Whether a certificate is for all of these names.
    function Test-Name($certificate, $names) {
        $has = @($certificate.DnsNameList | ForEach-Object { $_.Unicode })
        -not @($names | Where-Object { $has -notcontains $_ }).Count
    }

    # The certificate that the listener has, if it is good; else one made before; else a new one, signed by itself.
    function Get-Certificate {
        $listener = Get-Listener
        $names = @({% for one in names %}{{ one }}{% if not loop.last %}, {% endif %}{% endfor %})
        $store = @(Get-ChildItem 'Cert:\LocalMachine\My' | Where-Object { Test-Certificate $_ })
        # One of the script's own must have the names; what somebody else gave the listener stays.
        $store = @($store | Where-Object { $_.FriendlyName -ne {{ friendly_name }} -or (Test-Name $_ $names) })
        $used = @($store | Where-Object { $listener -and $_.Thumbprint -eq $listener.CertificateThumbprint })
        $made = @($store | Where-Object { $_.FriendlyName -eq {{ friendly_name }} } | Sort-Object NotAfter -Descending)
        $found = $used + $made
        if ($found.Count) { return $found[0] }
        $computer = Get-CimInstance Win32_ComputerSystem
        if ($computer.PartOfDomain) { $names += '{0}.{1}' -f $env:COMPUTERNAME, $computer.Domain }
        $names += $env:COMPUTERNAME
        $new = @{ DnsName = $names; CertStoreLocation = 'Cert:\LocalMachine\My' }
{% if rich_certificates %}
        $new.Type = 'SSLServerAuthentication'
        $new.KeyAlgorithm = 'RSA'
        $new.KeyLength = 2048
        $new.HashAlgorithm = 'SHA256'
        $new.KeyExportPolicy = 'NonExportable'
        $new.NotAfter = (Get-Date).AddYears(3)
{% else %}
        # This Windows lets nobody choose how long it lasts: a year.
{% endif %}
        $certificate = New-SelfSignedCertificate @new
        $certificate.FriendlyName = {{ friendly_name }}
        $certificate
    }
{% endif %}

    function Set-Listener($certificate) {
        $listener = Get-Listener
        $at = @{ Transport = {{ transport }}; Address = {{ address }} }
        $values = @{ Port = {{ port_text }}; CertificateThumbprint = $certificate.Thumbprint; Enabled = 'true' }
        if (-not $listener) {
            [void](New-WSManInstance -ResourceURI 'winrm/config/listener' -SelectorSet $at -ValueSet $values)
            return
        }
        $same = $listener.CertificateThumbprint -eq $certificate.Thumbprint -and $listener.Port -eq $values.Port
        if (-not $same -or $listener.Enabled -ne 'true') {
            [void](Set-WSManInstance -ResourceURI 'winrm/config/listener' -SelectorSet $at -ValueSet $values)
        }
    }

    # SHA-256 by the provider that a FIPS policy allows.
    function Get-Fingerprint($certificate) {
        $sha256 = New-Object Security.Cryptography.SHA256CryptoServiceProvider
        [BitConverter]::ToString($sha256.ComputeHash($certificate.RawData)).Replace('-', ':')
    }

    function Show-Accounts {
        $policy = Get-Item 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
        'Accounts that work: domain accounts that are administrators here;'
        if ($policy.GetValue('FilterAdministratorToken') -eq 1) {
            '  not the built-in Administrator, since FilterAdministratorToken is 1;'
        } else {
            '  the built-in Administrator, where it is enabled;'
        }
        if ($policy.GetValue('LocalAccountTokenFilterPolicy') -eq 1) {
            '  other local administrators, since LocalAccountTokenFilterPolicy is 1.'
        } else {
            '  not other local administrators, since LocalAccountTokenFilterPolicy is not 1.'
        }
    }

    Test-Server
    Start-Door {{ service }}
    $certificate = Get-Certificate
    Set-Listener $certificate
    Open-Port
{% if local_administrators %}
    $policies = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\System'
    [void](New-ItemProperty $policies -Name 'LocalAccountTokenFilterPolicy' -Value 1 -PropertyType DWord -Force)
{% endif %}
    ''
    'This server is open over WinRM with TLS. Its line in the inventory:'
    ''
    '  connection: { scheme: https, port: ' + {{ port }} + ', fingerprint: "' + (Get-Fingerprint $certificate) + '" }'
    ''
    'The certificate expires on {0:yyyy-MM-dd}.' -f $certificate.NotAfter
    Show-Accounts
{% else %}
    function Install-Server {
        if (Get-Service sshd -ErrorAction SilentlyContinue) { return }
{% if capability %}
        $capability = @(Get-WindowsCapability -Online -Name 'OpenSSH.Server*')
        if (-not $capability.Count) { throw 'this Windows knows no capability OpenSSH.Server' }
        [void](Add-WindowsCapability -Online -Name $capability[0].Name)
{% else %}
        # OpenSSH is a part of Windows Server from 2019 on.
        'OpenSSH is no part of this Windows and there is no service sshd. Its installer (OpenSSH-Win64.msi, signed'
        'by Microsoft) is at https://github.com/PowerShell/Win32-OpenSSH/releases; run it, then this script again.'
        throw 'nothing was changed: there is no sshd here'
{% endif %}
    }

    # Administrators' keys are in one file, which sshd reads only if nobody else may write to it.
    function Add-Key {
        $path = Join-Path $env:ProgramData {{ keys_file }}
        $key = {{ key }}
        $new = {{ key_line }}
        $lines = @()
        if (Test-Path -LiteralPath $path) { $lines = @([IO.File]::ReadAllLines($path)) }
        if (-not @($lines | Where-Object { $_.Contains($key) -and -not $_.TrimStart().StartsWith('#') }).Count) {
            [IO.File]::WriteAllLines($path, [string[]]($lines + $new))
        }
        $acl = New-Object Security.AccessControl.FileSecurity
        $acl.SetAccessRuleProtection($true, $false)
        # sshd does not read a file of anybody else's either. The last of the two is the group of administrators.
        $acl.SetOwner((New-Object Security.Principal.SecurityIdentifier({{ key_owners[1] }})))
        foreach ($sid in @({% for one in key_owners %}{{ one }}{% if not loop.last %}, {% endif %}{% endfor %})) {
            $who = New-Object Security.Principal.SecurityIdentifier($sid)
            $all = New-Object Security.AccessControl.FileSystemAccessRule($who, 'FullControl', 'Allow')
            $acl.AddAccessRule($all)
        }
        [IO.File]::SetAccessControl($path, $acl)
    }

{% if from %}
    # Windows' own rule for sshd lets in anybody, whatever this one says.
    function Show-OtherRule {
        $other = Get-NetFirewallRule -Name 'OpenSSH-Server-In-TCP' -ErrorAction SilentlyContinue
        if ($other -and $other.Enabled -eq 'True') {
            'Note: the rule OpenSSH-Server-In-TCP lets in others too. If nobody else needs it:'
            '  Disable-NetFirewallRule -Name OpenSSH-Server-In-TCP'
        }
    }

{% endif %}
    # The account as sshd knows it: one of a domain by its domain.
    function Get-Account {
        if ($env:USERDOMAIN -eq $env:COMPUTERNAME) { return $env:USERNAME }
        "'{0}\{1}'" -f $env:USERDOMAIN, $env:USERNAME
    }

    function Show-HostKey {
        $path = Join-Path $env:ProgramData 'ssh\ssh_host_ed25519_key.pub'
        if (-not (Test-Path -LiteralPath $path)) { return }
        $key = [IO.File]::ReadAllText($path).Trim() -split ' '
        'The line for known_hosts on the controller, with the name that the inventory has for this server:'
        ''
        '  {0} {1} {2}' -f $env:COMPUTERNAME.ToLowerInvariant(), $key[0], $key[1]
        ''
    }

    function Test-Configuration {
        $path = Join-Path $env:ProgramData 'ssh\sshd_config'
        if (-not (Test-Path -LiteralPath $path)) { return }
        $text = [IO.File]::ReadAllText($path)
        if ($text -notmatch '(?im)^\s*Match\s+Group\s+administrators') {
            'Note: sshd_config has no `Match Group administrators`, so administrators keep their keys in their profiles'
            'and the key that was added to administrators_authorized_keys is not read.'
        }
    }

    Test-Server
    Install-Server
    Start-Door {{ service }}
    Add-Key
    Open-Port
    ''
    'This server is open over SSH. Its line in the inventory:'
    ''
    '  connection: { via: ssh, user: ' + (Get-Account) + ', key_file: ~/.ssh/id_ed25519 }'
    ''
    Show-HostKey
    'Accounts that work: every administrator here, of the domain or of this server. With a key a session reaches no'
    'further server; with a password it does.'
    Test-Configuration
{% if from %}
    Show-OtherRule
{% endif %}
{% endif %}
}
