/** Markers on a map of the world that needs no other server: land from Natural Earth, moved and zoomed by mouse, touch or keys. */
import { geoGraticule10, geoMercator, geoPath, type GeoProjection } from "d3-geo";
import { Minus, Plus } from "lucide-react";
import { useMemo, useRef, useState, type KeyboardEvent, type PointerEvent, type WheelEvent } from "react";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import atlas from "world-atlas/countries-50m.json";

import { IconButton } from "@/ui/button";

import type { GeoMap, Marker } from "./shape";

const WIDTH = 960;
const HEIGHT = 480;
const MOST_ZOOM = 18;
/** Closer than this the land has no more shape. */
const MOST_FIRST_ZOOM = 7;
const MOST_LABELS = 20;
const STEP = 60;
const ACCENT = "var(--accent)";

interface Place {
  lat: number;
  lon: number;
  /** As web maps count it: at 0 the world is 256 pixels wide. */
  zoom: number;
}

const world = atlas as unknown as Topology<{ countries: GeometryCollection }>;
const countries = feature(world, world.objects.countries);
const grid = geoGraticule10();

function projectionOf({ lat, lon, zoom }: Place): GeoProjection {
  return geoMercator().scale((256 * 2 ** zoom) / (2 * Math.PI)).center([lon, lat]).translate([WIDTH / 2, HEIGHT / 2]);
}

/** Where everything is in view. */
export function fitting(markers: readonly Marker[]): Place {
  if (!markers.length) return { lat: 25, lon: 0, zoom: 1 };
  const [lats, lons] = [markers.map((each) => each.lat), markers.map((each) => each.lon)];
  const [south, north, west, east] = [Math.min(...lats), Math.max(...lats), Math.min(...lons), Math.max(...lons)];
  const wide = Math.log2((WIDTH * 0.8 * 360) / (256 * Math.max(east - west, 0.01)));
  const high = Math.log2((HEIGHT * 0.7 * 170) / (256 * Math.max(north - south, 0.01)));
  return { lat: (south + north) / 2, lon: (west + east) / 2, zoom: Math.max(0, Math.min(MOST_FIRST_ZOOM, wide, high)) };
}

export default function MapView({ map }: { map: GeoMap }) {
  const first = useMemo<Place>(() => {
    const fit = fitting(map.markers);
    return { lat: map.lat ?? fit.lat, lon: map.lon ?? fit.lon, zoom: map.zoom ?? fit.zoom };
  }, [map]);
  const [place, setPlace] = useState(first);
  const from = useRef<{ x: number; y: number } | null>(null);
  const projection = useMemo(() => projectionOf(place), [place]);
  const path = useMemo(() => geoPath(projection), [projection]);

  function zoom(by: number) {
    setPlace((now) => ({ ...now, zoom: Math.max(0, Math.min(MOST_ZOOM, now.zoom + by)) }));
  }
  function move(x: number, y: number) {
    setPlace((now) => {
      const found = projectionOf(now).invert?.([WIDTH / 2 + x, HEIGHT / 2 + y]);
      return found ? { ...now, lon: found[0], lat: Math.max(-85, Math.min(85, found[1])) } : now;
    });
  }
  function onKey(event: KeyboardEvent) {
    const acts: Record<string, () => void> = {
      "+": () => zoom(1), "=": () => zoom(1), "-": () => zoom(-1), "0": () => setPlace(first),
      ArrowLeft: () => move(-STEP, 0), ArrowRight: () => move(STEP, 0), ArrowUp: () => move(0, -STEP), ArrowDown: () => move(0, STEP),
    };
    const act = acts[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }
  function drag(event: PointerEvent<SVGSVGElement>) {
    if (!from.current) return;
    const scale = WIDTH / event.currentTarget.getBoundingClientRect().width;
    move((from.current.x - event.clientX) * scale, (from.current.y - event.clientY) * scale);
    from.current = { x: event.clientX, y: event.clientY };
  }
  return (
    <figure className="relative overflow-hidden rounded-md border border-line bg-sunken">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="application"
        aria-label={`Map with ${map.markers.length} ${map.markers.length === 1 ? "marker" : "markers"}: arrow keys move it, + and - zoom, 0 goes back`}
        tabIndex={0}
        className="block w-full cursor-grab touch-none select-none"
        onKeyDown={onKey}
        onWheel={(event: WheelEvent) => zoom(event.deltaY < 0 ? 0.5 : -0.5)}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          from.current = { x: event.clientX, y: event.clientY };
        }}
        onPointerMove={drag}
        onPointerUp={() => (from.current = null)}
      >
        <path d={path(grid) ?? ""} fill="none" stroke="var(--line)" />
        <path d={path(countries) ?? ""} fill="var(--panel)" stroke="var(--line-strong)" />
        {map.markers.map((each, index) => {
          const [x, y] = projection([each.lon, each.lat]) ?? [-99, -99];
          return (
            <g key={index}>
              <circle cx={x} cy={y} r={each.radius} fill={each.color || ACCENT} stroke="var(--panel)" strokeWidth={each.stroke}>
                <title>{each.title || `${each.lat}, ${each.lon}`}</title>
              </circle>
              {map.markers.length <= MOST_LABELS && (
                <text x={x + each.radius + 4} y={y + 5} fontSize={15} fill="var(--ink)" stroke="var(--panel)" strokeWidth={3} paintOrder="stroke">
                  {each.title}
                </text>
              )}
            </g>
          );
        })}
      </svg>
      <div className="absolute top-2 right-2 flex flex-col rounded-md border border-line bg-panel">
        <IconButton label="Zoom in" onClick={() => zoom(1)}>
          <Plus size={14} aria-hidden />
        </IconButton>
        <IconButton label="Zoom out" onClick={() => zoom(-1)}>
          <Minus size={14} aria-hidden />
        </IconButton>
      </div>
      <figcaption className="flex justify-between gap-3 border-t border-line bg-panel px-3 py-1 text-xs text-muted">
        <span>
          {place.lat.toFixed(4)}°, {place.lon.toFixed(4)}°
        </span>
        <a className="text-accent hover:underline" href={`https://www.openstreetmap.org/#map=${Math.round(place.zoom)}/${place.lat.toFixed(5)}/${place.lon.toFixed(5)}`} target="_blank" rel="noreferrer">
          Open in OpenStreetMap
        </a>
      </figcaption>
    </figure>
  );
}
