#!/usr/bin/env bash
# Makes media/loop.mp4: about 20 seconds of colour and sound that begin where they end, so that a loop shows no seam.
#
# 608 frames at 30/s are exactly 950 AAC frames at 48 kHz: picture and sound are equally long, to the millisecond. Everything
# in them turns a whole number of times. 19 GOPs of 32 frames, without B-frames, so that a rung may also copy it.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

file=media/loop.mp4
[ -f "$file" ] && exit 0
need ffmpeg font

say "making $file"
mkdir -p media
frames=608 gop=32 rate=30
turn="2*PI*n/$frames"
ball() { # colour size: a soft ball with an alpha plane
  echo "color=c=$1:s=${2}x${2}:r=$rate:d=0.04,format=yuva420p,geq=lum='p(X,Y)':cb='p(X,Y)':cr='p(X,Y)':a='230*clip(1.6-3.2*hypot(X-W/2,Y-H/2)/W,0,1)',loop=loop=-1:size=1:start=0,setpts=N/$rate/TB"
}
words=null
filters=$("$(ffmpeg_program)" -hide_banner -filters 2>/dev/null)
if [[ $filters == *' drawtext '* ]]; then
  words="drawtext=fontfile='$(font_file)':text=Headgate:fontsize=96:fontcolor=white@0.9:x=(w-tw)/2:y=(h-th)/2+24*sin(${turn//n/n*2})"
fi

temporary=media/.loop.$$.mp4
trap 'rm -f "$temporary"' EXIT
"$(ffmpeg_program)" -hide_banner -loglevel error -nostdin -y -filter_complex "
  gradients=s=1280x720:r=$rate:d=0.04:c0=0x10254a:c1=0x1f6f8b:c2=0x5a2a6b:c3=0x23406e:n=4:x0=0:y0=0:x1=1280:y1=720:seed=7,
    loop=loop=-1:size=1:start=0,setpts=N/$rate/TB,hue=H=$turn[back];
  $(ball 0xffb347 420)[a]; $(ball 0x4fd1c5 340)[b]; $(ball 0xf06292 260)[c];
  [back][a]overlay=eval=frame:x='(W-w)/2+420*sin($turn*2)':y='(H-h)/2+200*cos($turn*3)'[ba];
  [ba][b]overlay=eval=frame:x='(W-w)/2+460*cos($turn*3)':y='(H-h)/2+220*sin($turn*2)'[bab];
  [bab][c]overlay=eval=frame:x='(W-w)/2+500*sin($turn*4+1)':y='(H-h)/2+240*cos($turn+1)',
    $words,trim=end_frame=$frames,format=yuv420p[v];
  aevalsrc=s=48000:c=stereo:exprs='0.10*sin(2*PI*4460*t*15/304)*(0.6+0.4*sin(2*PI*t*30/608*8))
    |0.10*sin(2*PI*5620*t*15/304)*(0.6+0.4*cos(2*PI*t*30/608*8))',
    atrim=end_sample=972800[a0]" \
  -map '[v]' -c:v libx264 -preset medium -crf 21 -profile:v high -bf 0 \
  -g "$gop" -keyint_min "$gop" -sc_threshold 0 \
  -map '[a0]' -c:a aac -b:a 128k \
  -movflags +faststart -metadata title="Headgate loop" "$temporary"
mv "$temporary" "$file"
