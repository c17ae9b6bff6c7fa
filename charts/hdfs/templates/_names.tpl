{{- define "hdfs.labels" -}}
app.kubernetes.io/name: hdfs
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* The files of config/, with this release's values in them. */}}
{{- define "hdfs.config" -}}
{{- range $path, $_ := .Files.Glob "config/*" }}
{{ base $path }}: |
  {{- tpl ($.Files.Get $path) $ | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Of a list of the release and the component, namenode or datanode. */}}
{{- define "hdfs.selector" -}}
app.kubernetes.io/name: hdfs
app.kubernetes.io/instance: {{ index . 0 }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}
