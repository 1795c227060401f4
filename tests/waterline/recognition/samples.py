"""Lines to the letter of the formats of many programs, with what each says."""

from typing import Final, NamedTuple


class Sample(NamedTuple):
    """A line of a program.

    Attributes:
        writer: what writes such lines.
        line: the line.
        time: its time, RFC 3339; None if it names none.
        type: None if it names no level.
        attributes: some of those it has.
    """

    writer: str
    line: str
    time: str | None
    type: str | None
    attributes: dict[str, object]


def _sample(
    writer: str, line: str, time: str | None, type_: str | None, /, **attributes: object
) -> Sample:
    return Sample(writer, line, time, type_, attributes)


T: Final = "2026-11-24T10:00:00Z"
MS: Final = "2026-11-24T10:00:00.123Z"
_S: Final = _sample

# The kinds of Loghub, a public corpus, each line made after its published format.
LOGHUB: Final = (
    _S("Android", "11-24 10:00:00.123  1702  2395 D WindowManager: frozen app", MS, "debug"),
    _S("Android", "11-24 10:00:00.123  1702  8671 E ActivityManager: x=1", MS, "error", pid=1702),
    _S("Android", "11-24 10:00:00.123  2227  2227 V KeyguardService: v", MS, "trace"),
    _S("Android", "11-24 10:00:00.123  1702 10454 W Audio : low", MS, "warning", tag="Audio"),
    _S("Apache", "[Tue Nov 24 10:00:00 2026] [notice] workerEnv.init() ok /etc/x", T, "info"),
    _S("Apache", "[Tue Nov 24 10:00:00 2026] [error] mod_jk child in error state 6", T, "error"),
    _S(
        "BGL",
        "- 1795514400 2026.11.24 R02-M1-N0-C:J12-U11 2026-11-24-10.00.00.363779 "
        "R02-M1-N0-C:J12-U11 RAS KERNEL INFO instruction cache parity error corrected",
        T,
        "info",
        node="R02-M1-N0-C:J12-U11",
    ),
    _S(
        "BGL",
        "APPREAD 1795514400 2026.11.24 R02-M1-N0-I:J18-U11 2026-11-24-10.00.00.675872 "
        "R02-M1-N0-I:J18-U11 RAS APP FATAL ciod: failed to read message prefix on control stream",
        T,
        "error",
        alert="APPREAD",
    ),
    _S("HDFS", "261124 100000 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1", T, "info"),
    _S("HDFS", "261124 100000 13 WARN dfs.DataNode$DataXceiver: 10.0.0.1:50010:Got", T, "warning"),
    _S(
        "Hadoop",
        "2026-11-24 10:00:00,123 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: "
        "Created MRAppMaster for application appattempt_1445144423722_0020_000001",
        MS,
        "info",
    ),
    _S(
        "Hadoop",
        "2026-11-24 10:00:00,123 ERROR [RMCommunicator Allocator] org.apache.hadoop.x.Y: ERROR IN",
        MS,
        "error",
    ),
    _S("HealthApp", "20261124-10:00:00:123|Step_LSC|30002312|onStandStepChanged 3579", MS, None),
    _S(
        "HealthApp",
        "20261124-10:0:0:12|Step_SPUtils|30002312| total = 1514",
        "2026-11-24T10:00:00.012Z",
        None,
    ),
    _S(
        "HPC",
        "134681 node-246 unix.hw state_change.unavailable 1795514400 1 Component State Change: x",
        T,
        None,
        node="node-246",
    ),
    _S("Linux", "Nov 24 10:00:00 combo sshd(pam_unix)[19939]: check pass", T, None, pid=19939),
    _S("Linux", "Nov 24 10:00:00 combo logrotate: ALERT exited abnormally with [1]", T, "error"),
    _S(
        "Mac",
        "Nov 24 10:00:00 calvisitor-10-105-160-95 kernel[0]: IOThunderboltSwitch<0>(0x0)::x - y",
        T,
        None,
        program="kernel",
    ),
    _S(
        "Mac",
        "Nov 24 10:00:00 host com.apple.xpc.launchd[1] (com.apple.x[12]): Service exited",
        T,
        None,
        program="com.apple.xpc.launchd",
    ),
    _S(
        "OpenSSH",
        "Nov 24 10:00:00 LabSZ sshd[24200]: error: Received disconnect from 192.0.2.1: 14: x",
        T,
        "error",
        host="LabSZ",
    ),
    _S(
        "OpenStack",
        "nova-api.log.1.2026-11-25_13:53:08 2026-11-24 10:00:00.123 25746 INFO nova.osapi_compute "
        '[req-38101a0b 113d3a99 - - -] 10.11.10.1 "GET /v2/x HTTP/1.1" status: 200 time: 0.2477829',
        MS,
        "info",
    ),
    _S(
        "Proxifier",
        "[11.24 10:00:00] chrome.exe - proxy.example.com:5070 open through proxy a.example:5070",
        T,
        None,
    ),
    _S("Spark", "26/11/24 10:00:00 INFO executor.Executor: Running task 0.0", T, "info"),
    _S("Spark", "26/11/24 10:00:00 WARN scheduler.TaskSetManager: Lost task", T, "warning"),
    _S(
        "Thunderbird",
        "- 1795514400 2026.11.24 dn228 Nov 24 10:00:00 dn228/dn228 crond(pam_unix)[2915]: closed",
        T,
        None,
        node="dn228",
    ),
    _S(
        "Windows",
        "2026-11-24 10:00:00, Info                  CBS    Loaded Servicing Stack v6.1.7601.23505",
        T,
        "info",
    ),
    _S("Windows", "2026-11-24 10:00:00, Error                 CSI    0000 failed", T, "error"),
    _S(
        "Zookeeper",
        "2026-11-24 10:00:00,123 - WARN  [SendWorker:188978561024:QuorumCnxManager$x@679] - Interr",
        MS,
        "warning",
    ),
)

LOGGERS: Final = (
    _S(
        "PostgreSQL, CSV",
        '2026-11-24 10:00:00.123 UTC,"app","db",1234,"192.0.2.1:5116",6563,3,"SELECT",'
        '2026-11-24 09:00:00 UTC,3/4,0,ERROR,42P01,"relation ""x"" does not exist",,,,,,,,,"psql"',
        MS,
        "error",
        sql_state="42P01",
    ),
    _S("PHP", "[24-Nov-2026 11:00:00 Europe/Berlin] PHP Fatal error:  Uncaught Error", T, "error"),
    _S("PHP", "[24-Nov-2026 10:00:00 UTC] PHP Warning:  Undefined variable $x in /x", T, "warning"),
    _S("Erlang", "=WARNING REPORT==== 24-Nov-2026::10:00:00.123456 ===", MS, "warning"),
    _S("java.time", "2026-11-24T11:00:00.123[Europe/Berlin] ERROR x", MS, "error"),
    _S("Go", "2026-11-24 10:00:00.123456789 +0000 UTC ERROR x", MS, "error"),
    _S("zap, epoch", "1.795514400123e+09\terror\tmain.go:12\tboom", MS, "error"),
    _S("columns", "11/24/2026 10:00:00 AM,Error,x", T, "error"),
    _S("padded", "2026-11-24 10:00:00.1234 Warn  App.Class boom", MS, "warning"),
    _S("Apache", "[Tue Nov 24 10:00:00 2026] [:error] [pid 12] x", T, "error"),
    _S("German", "24. November 2026 10:00:00 x", T, None),
    _S("logcat -v uid", "11-24 10:00:00.123  1000  1702  2395 I chatty  : x", MS, "info"),
    _S("log4j", "2026-11-24 10:00:00,123 [main] DEBUG com.foo.Bar - x", MS, "debug"),
    _S("logback", "10:00:00.123 [main] DEBUG com.foo.Bar -- x", MS, "debug"),
    _S("logback", "INFO  [2026-11-24 10:00:00,123] org.x.Y: started", MS, "info"),
    _S("logback", "ERROR 10:00:00.123 [main] x", MS, "error"),
    _S("Cassandra", "WARN  [main] 2026-11-24 10:00:00,123 X.java:1 - slow", MS, "warning"),
    _S("Tomcat", "24-Nov-2026 10:00:00.123 SEVERE [main] org.x.Y boom", MS, "error"),
    _S("JBoss", "10:00:00,123 ERROR [org.jboss] (thread) x", MS, "error"),
    _S("Minecraft", "[10:00:00] [Server thread/WARN]: slow", T, "warning"),
    _S("loguru", "2026-11-24 10:00:00.123 | SUCCESS  | __main__:f:3 - done", MS, "info"),
    _S("python", "2026-11-24 10:00:00,123 - root - CRITICAL - x", MS, "error", level="CRITICAL"),
    _S("python", "CRITICAL:root:x", None, "error"),
    _S("tornado", "[W 261124 10:00:00 web:12] 404 GET /", T, "warning"),
    _S("jupyter", "[E 2026-11-24 10:00:00.123 ServerApp] Uncaught", MS, "error"),
    _S("scrapy", "2026-11-24 10:00:00 [scrapy.core.engine] INFO: Spider opened", T, "info"),
    _S("salt", "2026-11-24 10:00:00,123 [salt.master:12][ERROR   ][123] x", MS, "error"),
    _S("ruby", "F, [2026-11-24T10:00:00.123456 #12] FATAL -- app: x", MS, "error", program="app"),
    _S("logrus", "WARN[0003] low", None, "warning"),
    _S("logrus", "FATA[2026-11-24T10:00:00Z] x", T, "error"),
    _S("zap", "2026-11-24T10:00:00.123Z\tdebug\tmain.go:12\tx", MS, "debug"),
    _S("zerolog", "10:00AM ERR boom", T, "error"),
    _S("slog", 'time=2026-11-24T10:00:00.123Z level=WARN msg="a b" n=3', MS, "warning", n=3),
    _S("slog", "2026/11/24 10:00:00 ERROR boom err=x", T, "error"),
    _S("hclog", "    2026-11-24T10:00:00.123Z [WARN]  core: x", MS, "warning"),
    _S("glog", "F20261124 10:00:00.123456 12345 a.cc:12] x", MS, "error"),
    _S("klog", "W1124 10:00:00.123456       1 a.go:12] x", MS, "warning", tid=1),
    _S("env_logger", "[2026-11-24T10:00:00Z TRACE app::db] x", T, "trace"),
    _S("winston", "2026-11-24T10:00:00.123Z error: boom", MS, "error"),
    _S("winston", "error: boom", None, "error"),
    _S(".NET", "warn: Microsoft.Hosting.Lifetime[14]", None, "warning"),
    _S(".NET", "fail: Microsoft.Hosting.Lifetime[14]", None, "error"),
    _S("Serilog", "[10:00:00 WRN] low", T, "warning"),
    _S("NLog", "2026-11-24 10:00:00.1234|FATAL|App.Class|boom", MS, "error"),
    _S("Fluentd", "2026-11-24 10:00:00 +0000 [warn]: #0 low", T, "warning"),
    _S("Fluent Bit", "[2026/11/24 10:00:00] [error] [input:tail] x", T, "error"),
    _S("Kafka", "[2026-11-24 10:00:00,123] ERROR [Controller id=1] x (kafka.x)", MS, "error"),
    _S("Asterisk", "[Nov 24 10:00:00] WARNING[1234][C-0001] chan.c: x", T, "warning"),
    _S("Squid cache", "2026/11/24 10:00:00 kid1| WARNING: x", T, "warning"),
    _S("Samba", "[2026/11/24 10:00:00.123456,  0] ../source3/smbd/server.c:1(main)", MS, "error"),
    _S("Nagios", "[1795514400] SERVICE ALERT: host;x;CRITICAL", T, None),
    _S("RocksDB", "2026/11/24-10:00:00.123456 7f1 [db/db_impl.cc:1] x", MS, None),
    _S("svlogd", "2026-11-24_10:00:00.12345 x", MS, None),
    _S("GC", "[2026-11-24T10:00:00.123+0000][info][gc] GC(0) Pause", MS, "info"),
    _S("log show", "2026-11-24 10:00:00.123456+0000 0x1a Error 0x0 1 0 app: x", MS, "error"),
    _S("dmesg -x", "kern  :err   : [   12.345678] usb failed", None, "error"),
    _S("dmesg -T", "[Tue Nov 24 10:00:00 2026] usb 1-1: x", T, None),
    _S("npm", "npm ERR! code E404", None, "error"),
    _S("Maven", "[WARNING] deprecated", None, "warning"),
    _S("apt", "Log started: 2026-11-24  10:00:00", T, None),
    _S("Docker", "dockerd[12]: x", None, None),
    _S("Oracle", "2026-11-24T10:00:00.123456+01:00", "2026-11-24T09:00:00.123Z", None),
    _S("minutes", "2026-11-24T10:00Z short", T, None),
    _S("weekday", "Tue 2026-11-24 10:00:00 UTC host x", T, None),
    _S("tai64n", "@400000006b05602a075bca00 started", T, None),
    _S("Unix, microseconds", "1795514400123456 x", MS, None),
    _S("HTTP's date", "Tue, 24 Nov 2026 10:00:00 GMT x", T, None),
    _S("ctime with zone", "Tue Nov 24 10:00:00 UTC 2026 x", T, None),
)

TIMES: Final = (
    _S("PHP", "[24-Nov-2026 11:00:00 Europe/Berlin] x", T, None),
    _S("PHP", "[24-Jul-2026 12:00:00 Europe/Berlin] x", "2026-07-24T10:00:00Z", None),
    _S("a zone that is none", "[24-Nov-2026 10:00:00 Europe/Nowhere] x", T, None),
    _S("offset from GMT", "2026-11-24 11:00:00 GMT+1 ERROR x", T, "error"),
    _S("offset from UTC", "2026-11-24 04:30:00 UTC-05:30 ERROR x", T, "error"),
    _S("two brackets", "[2026-11-24][10:00:00][app][WARN] low", T, "warning"),
    _S("MariaDB", "2026-11-24  9:00:00 0 [Note] x", "2026-11-24T09:00:00Z", "info"),
    _S("Tracy", "[2026-11-24 10-00-00] x", T, None),
    _S("Unreal", "[2026.11.24-10.00.00:123][  0]LogInit: Warning: x", MS, "warning"),
    _S("Source", 'L 11/24/2026 - 10:00:00: "a" say "error"', T, None),
    _S("DHCP", "10,11/24/26,10:00:00,Assign,192.0.2.1,host,001122334455,", T, None),
    _S("Geth", "WARN [11-24|10:00:00.123] Sanitizing cache", MS, "warning"),
    _S("NX-OS", "2019 Nov 24 10:00:00 sw %X-5-Y: x", "2019-11-24T10:00:00Z", "info"),
    _S("Boost", "2026-Nov-24 10:00:00.123456 ERROR x", MS, "error"),
    _S("Forge", "[24Nov2026 10:00:00.123] [main/ERROR] [net.x/]: boom", MS, "error"),
    _S("German", "24. November 2026 10:00:00 ERROR x", T, "error"),
    _S("WebLogic", "####<Nov 24, 2026 10:00:00,123 AM UTC> <Warning> <S> x", MS, "warning"),
    _S("zap", "1.795514400123e+09\terror\tx.go:1\tboom", MS, "error"),
    _S("Mosquitto", "1795514400: New connection from 192.0.2.1 on port 1883.", T, None),
    _S("NetworkManager", "<warn>  [1795514400.1234] device (wlan0): x", MS, "warning"),
    _S("network load balancer", "tls 2.0 2026-11-24T10:00:00 net/lb/1 arn x", T, None),
    _S("time since a start", "0:00:00.123456789 12 0x55 WARN  basesrc x.c:1: x", None, None),
)

SYSTEMS: Final = (
    _S(
        "syslog, nginx",
        "Nov 24 10:00:00 h nginx: 192.0.2.1 - - [24/Nov/2026:09:00:00 +0000] "
        '"GET / HTTP/1.0" 500 1',
        T,
        "error",
        host="h",
        status=500,
    ),
    _S("syslog, log4j", "Nov 24 10:00:00 h app[1]: 2026-11-24 09:00:00,123 ERROR x", T, "error"),
    _S("NetworkManager", "<warn>  [1795514400.1234] dhcp4: x", MS, "warning"),
    _S("Suricata", "11/24/2026-10:00:00.123456  [**] [1:2:3] ET SCAN", MS, None),
    _S("Snort", "11/24-10:00:00.123456  [**] [1:2:3] x", MS, None),
    _S("Forge", "[24Nov2026 10:00:00.123] [main/WARN] [x/]: y", MS, "warning"),
    _S("letter first", "E 2026-11-24 10:00:00.123 y", MS, "error"),
    _S("letter", "2026-11-24 10:00:00 W disk: full", T, "warning"),
    _S("syslog", "<11>Nov 24 10:00:00 host app[3]: boom", T, "error", program="app", host="host"),
    _S("syslog", "<13>2026-11-24T10:00:00.123+00:00 host app[3]: x", MS, "info"),
    _S("syslog", "2026-11-24T10:00:00.123456+00:00 host kernel: warning: x", MS, "warning"),
    _S("syslog", "2026-11-24T10:00:00+0000 host app[3]: <error> x", T, "error"),
    _S("Cisco", "<187>12: *Nov 24 10:00:00.123: %LINK-3-UPDOWN: down", MS, "error"),
    _S("Cisco", "Nov 24 10:00:00 fw1 %ASA-6-302013: Built", T, "info"),
    _S(
        "RFC 5424",
        '<165>1 2026-11-24T10:00:00.123Z host app 42 ID47 [a@1 k="v\\"" l="2"][b@1] An event',
        MS,
        "info",
        host="host",
        program="app",
        message_id="ID47",
        structured_data={"a@1": {"k": 'v"', "l": "2"}, "b@1": {}},
    ),
    _S("RFC 5424", "<27>1 - - - - - - x", None, "error"),
    _S("Heroku", "2026-11-24T10:00:00.123456+00:00 app[web.1]: hello", MS, None, pid="web.1"),
    _S(
        "Heroku",
        '2026-11-24T10:00:00.123456+00:00 heroku[router]: at=info method=GET path="/" status=503',
        MS,
        "info",
        status=503,
    ),
    _S(
        "CEF",
        "CEF:0|Vendor|Product|1.0|100|a \\| b|9|src=192.0.2.1 msg=a b\\=c rt=1795514400123",
        MS,
        "error",
        vendor="Vendor",
        msg="a b=c",
    ),
    _S(
        "CEF",
        "Nov 24 10:00:00 host CEF:0|V|P|1|2|name|Low|act=blocked",
        T,
        "info",
        act="blocked",
        host="host",
    ),
    _S(
        "LEEF",
        "LEEF:2.0|V|P|1|event|^|sev=5^devTime=2026-11-24 10:00:00^src=192.0.2.1",
        T,
        "warning",
        src="192.0.2.1",
    ),
    _S("auditd", "type=SYSCALL msg=audit(1795514400.123:456): arch=c000003e", MS, "info"),
    _S("Ceph", "2026-11-24T10:00:00.123+0000 7fd5eb670700  5 monclient: x", MS, "debug"),
    _S("Redis", "[1234] 24 Nov 10:00:00.123 # low memory", MS, "warning"),
    _S("MongoDB", "2026-11-24T10:00:00.123+0000 W  CONTROL  [conn1] x", MS, "warning"),
    _S("Chromium", "[1124/100000.123456:FATAL:x.cc(3)] y", MS, "error"),
    _S(
        "VPC",
        "2 123456789010 eni-1 192.0.2.1 192.0.2.2 20641 22 6 20 4249 1795514400 1795514460 "
        "REJECT OK",
        T,
        None,
        action="REJECT",
        bytes=4249,
    ),
    _S("logcat -v time", "11-24 10:00:00.123 E/Tag( 123): x", MS, "error", tag="Tag"),
    _S("logcat -v brief", "W/Tag( 123): x", None, "warning"),
    _S("logcat -v year", "2026-11-24 10:00:00.123  1702  2395 I Tag: x", MS, "info"),
    _S("CRI", "2026-11-24T10:00:00.123456789Z stderr F ERROR boom", MS, "error", stream="stderr"),
    _S(
        "docker logs -t", '2026-11-24T10:00:00.123456789Z {"level":"warn","msg":"x"}', MS, "warning"
    ),
    _S(
        "compose",
        "db-1   | 2026-11-24 10:00:00.123 UTC [1] FATAL:  no",
        MS,
        "error",
        service="db-1",
    ),
    _S("pm2", "0|app  | boom", None, None, service="app"),
    _S("kubectl", "[pod/web-1/app] 2026-11-24T10:00:00Z ERROR x", T, "error", pod="web-1"),
    _S("Traceback", "Traceback (most recent call last):", None, "error"),
    _S("Go", "panic: runtime error: index out of range", None, "error"),
)

_A: Final = '192.0.2.1 - - [24/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 500 12'
ACCESS: Final = (
    _S("combined", f'{_A} "-" "curl/8"', T, "error", status=500, path="/a", agent="curl/8"),
    _S("common", _A, T, "error", status=500, bytes=12, remote_host="192.0.2.1"),
    _S("nginx main", f'{_A} "-" "c" "203.0.113.5"', T, "error", x_forwarded_for="203.0.113.5"),
    _S("nginx time", f'{_A} "-" "c" 0.003', T, "error", duration_ms=3.0),
    _S("nginx times", f'{_A} "-" "c" "-" 0.003 0.002', T, "error", upstream_duration_ms=2.0),
    _S("nginx pairs", f'{_A} "-" "c" "-" rt=0.003 urt="0.002"', T, "error", duration_ms=3.0),
    _S(
        "ingress-nginx",
        f'{_A} "-" "c" 412 0.003 [default-web-80] [] 10.0.0.1:80 12 0.002 500 0af7',
        T,
        "error",
        duration_ms=3.0,
        upstream="10.0.0.1:80",
        upstream_status=500,
    ),
    _S(
        "Traefik",
        f'{_A} "-" "-" 1 "web@docker" "http://192.0.2.2:80" 3ms',
        T,
        "error",
        duration_ms=3,
        router="web@docker",
    ),
    _S("Apache %D", f'{_A} "-" "c" 1500', T, "error", duration_ms=1.5),
    _S("combinedio", f'{_A} "-" "c" 210 512', T, "error", bytes_in=210),
    _S(
        "vhost_combined",
        f'www.example.com:443 {_A} "-" "c"',
        T,
        "error",
        vhost="www.example.com:443",
    ),
    _S(
        "X-Forwarded-For",
        _A.replace("- -", "198.51.100.2, 203.0.113.3 - -"),
        T,
        "error",
        x_forwarded_for="198.51.100.2, 203.0.113.3",
    ),
    _S("a user with a blank", _A.replace("- -", "- John Doe"), T, "error", remote_user="John Doe"),
    _S("aiohttp", _A.replace(" - -", ""), T, "error", remote_host="192.0.2.1"),
    _S("milliseconds", _A.replace("00 +", "00.123 +"), MS, "error", status=500),
    _S("ISO", _A.replace("24/Nov/2026:10:00:00 +0000", "2026-11-24T10:00:00+00:00"), T, "error"),
    _S("quoted before", f'"203.0.113.3" {_A}', T, "error", forwarded_for="203.0.113.3"),
    _S("quoted user", _A.replace("- -", '- "John Doe"'), T, "error", remote_user='"John Doe"'),
    _S("nginx, mixed", f'{_A} "-" "c" 0.003 "a.example"', T, "error", duration_ms=3.0),
    _S(
        "nginx, named",
        f'{_A} "-" "c" upstream_response_time 0.002 request_time 0.003',
        T,
        "error",
        duration_ms=3.0,
        upstream_duration_ms=2.0,
    ),
    _S(
        "time first",
        '[24/Nov/2026:10:00:00 +0000] 192.0.2.1 - - "GET /a HTTP/1.1" 500 12 "-" "x"',
        T,
        "error",
        path="/a",
        status=500,
    ),
    _S(
        "ssl_request_log",
        '[24/Nov/2026:10:00:00 +0000] 192.0.2.1 TLSv1.3 AES "GET /a HTTP/1.1" 512',
        T,
        None,
        bytes=512,
        tls="TLSv1.3",
    ),
    _S(
        "LTSV",
        "time:2026-11-24T10:00:00+00:00\thost:192.0.2.1\tstatus:500\treq:GET / HTTP/1.1",
        T,
        "error",
        host="192.0.2.1",
    ),
    _S("morgan dev", "GET /users 404 12.345 ms - 123", None, "warning", duration_ms=12.345),
    _S(
        "morgan short",
        "::ffff:127.0.0.1 - GET /users HTTP/1.1 500 12 - 1.234 ms",
        None,
        "error",
        duration_ms=1.234,
        path="/users",
    ),
    _S(
        "chi",
        '2026/11/24 10:00:00 "GET http://a/ HTTP/1.1" from 192.0.2.1:1 - 200 12B in 1.2ms',
        T,
        "info",
        duration_ms=1.2,
        bytes=12,
    ),
    _S("audit", 'audit: type=1400 audit(1795514400.123:5): apparmor="DENIED"', MS, "info"),
    _S(
        "Envoy, TLS",
        '[2026-11-24T10:00:00.123Z] "- - -" 0 UF,URX - - "TLS error" 0 0 1 - "-" "-" "-" '
        '"-" "10.0.0.1:80" x',
        MS,
        "info",
        flags="UF,URX",
    ),
    _S("Flask", '127.0.0.1 - - [24/Nov/2026 10:00:00] "GET / HTTP/1.1" 404 -', T, "warning"),
    _S("Django", '[24/Nov/2026 10:00:00] "GET / HTTP/1.1" 500 145', T, "error", bytes=145),
    _S("no request", _A.replace("GET /a HTTP/1.1", "\\x16\\x03"), T, "error"),
    _S(
        "Gin",
        '[GIN] 2026/11/24 - 10:00:00 | 404 |  1.5ms | 192.0.2.1 | GET  "/x"',
        T,
        "warning",
        duration_ms=1.5,
        method="GET",
    ),
    _S(
        "uvicorn",
        'INFO:     192.0.2.1:1234 - "GET / HTTP/1.1" 500 Internal Server Error',
        None,
        "info",
        status=500,
    ),
    _S(
        "Envoy",
        '[2026-11-24T10:00:00.123Z] "GET /x HTTP/1.1" 503 UF 0 57 10 - "-" "curl" "id" "host" "-"',
        MS,
        "error",
        status=503,
        duration_ms=10,
        bytes=57,
        path="/x",
    ),
    _S(
        "Istio",
        '[2026-11-24T10:00:00.123Z] "GET /x HTTP/1.1" 200 - via_upstream - "-" 0 45 3 2 "-" "c" '
        '"id" "host" "10.0.0.1:80" outbound|80||x 10.0.0.2:1 10.0.0.3:80 - default',
        MS,
        "info",
        upstream_duration_ms=2,
        upstream="10.0.0.1:80",
    ),
    _S(
        "ALB",
        "https 2026-11-24T10:00:00.123456Z app/lb/50dc 192.0.2.1:2817 192.0.2.2:80 0.086 0.048 "
        '0.037 502 502 34 57 "GET https://a.example:443/ HTTP/1.1" "curl/8" - -',
        MS,
        "error",
        status=502,
        duration_ms=171.0,
        path="https://a.example:443/",
    ),
    _S(
        "S3",
        "abc bucket [24/Nov/2026:10:00:00 +0000] 192.0.2.1 - 3E57 REST.GET.OBJECT k "
        '"GET /bucket/k HTTP/1.1" 503 SlowDown 1 2 30 4 "-" "x" -',
        T,
        "error",
        duration_ms=30,
        operation="REST.GET.OBJECT",
    ),
    _S(
        "HAProxy",
        "192.0.2.2:33317 [24/Nov/2026:10:00:00.123] tcp-in db/srv1 10/0/109 2750 -- 1/1/1/1/0 0/0",
        MS,
        None,
        duration_ms=109,
        server="srv1",
    ),
    _S(
        "HAProxy",
        "Nov 24 10:00:00 lb1 haproxy[14389]: 192.0.2.2:33317 [24/Nov/2026:10:00:00.655] http-in "
        'static/srv1 10/0/30/69/109 503 2750 - - ---- 1/1/1/1/0 0/0 {} {} "GET /x HTTP/1.1"',
        T,
        None,
        status=503,
        duration_ms=109,
        backend="static",
        path="/x",
    ),
    _S(
        "Squid",
        "1795514400.123    212 192.0.2.7 TCP_MISS/200 1234 GET http://a.example/ - "
        "HIER_DIRECT/192.0.2.9 text/html",
        MS,
        "info",
        duration_ms=212,
        status=200,
    ),
    _S(
        "nginx proxy manager",
        '[24/Nov/2026:10:00:00 +0000] - 502 502 - GET https a.example "/x" [Client 192.0.2.1] '
        '[Length 12] [Gzip -] [Sent-to 192.0.2.2] "curl/8" "-"',
        T,
        "error",
        status=502,
        path="/x",
    ),
    _S(
        "uWSGI",
        "[pid: 12|app: 0|req: 1/1] 192.0.2.1 () {40 vars in 500 bytes} [Tue Nov 24 10:00:00 2026] "
        "GET /x => generated 5 bytes in 3 msecs (HTTP/1.1 500) 2 headers in 80 bytes (1 switches)",
        T,
        "error",
        duration_ms=3,
        bytes=5,
    ),
    _S("Rails", 'Started GET "/x" for 192.0.2.1 at 2026-11-24 10:00:00 +0000', T, None, path="/x"),
)

SAMPLES: Final = (*LOGHUB, *LOGGERS, *TIMES, *SYSTEMS, *ACCESS)
